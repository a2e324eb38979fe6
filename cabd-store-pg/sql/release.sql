-- A released data version: name, commit, time, author, note.
INSERT INTO cabd.release (name, revision, datetime, author, note) VALUES ($1, $2, $3, $4, $5)
