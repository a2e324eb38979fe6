-- Keeps seals: commits, times, digests, chains, numbers of rows, marks, salts.
INSERT INTO cabd.seal (commit_number, datetime, digest, chain, log_rows, marks, salt)
SELECT n, t::timestamptz, d, c, r, m, s
FROM unnest($1::int8[], $2::text[], $3::bytea[], $4::bytea[], $5::int8[], $6::bytea[], $7::bytea[]) AS a (n, t, d, c, r, m, s)
