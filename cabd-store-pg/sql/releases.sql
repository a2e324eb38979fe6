-- The released data versions: name, commit, time, author, note, chain.
SELECT name, revision, datetime, author, note, encode(chain, 'hex') FROM cabd.release ORDER BY revision, datetime
