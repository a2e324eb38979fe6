-- The released data versions: name, commit, time, author, note.
SELECT name, revision, datetime, author, note FROM cabd.release ORDER BY revision, datetime
