-- Who changes what and why, for the audit triggers of this transaction. The lock keeps the catalogue as it is; a change
-- of it waits for the writers, and they for the change.
SELECT set_config('cabd.head', $1::text, true), set_config('lock_timeout', '30s', true),
    pg_advisory_xact_lock_shared(4617, 2)
