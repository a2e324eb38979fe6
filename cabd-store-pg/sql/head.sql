-- Who changes what and why, for the audit triggers of this transaction.
SELECT set_config('cabd.head', $1::text, true), set_config('lock_timeout', '30s', true)
