-- A released data version: name, commit, time, author, note, chain.
INSERT INTO cabd.release (name, revision, datetime, author, note, chain) VALUES ($1, $2, $3::text::timestamptz, $4, $5, $6)
