-- Who changes what and why, for the audit triggers of this transaction.
SELECT set_config('cabd.author', $1::text, true), set_config('cabd.reason', $2::text, true),
    set_config('cabd.kind', $3::text, true), set_config('cabd.client', $4::text, true),
    set_config('cabd.reviewer', $5::text, true), set_config('cabd.data_source', $6::text, true),
    set_config('lock_timeout', '30s', true)
