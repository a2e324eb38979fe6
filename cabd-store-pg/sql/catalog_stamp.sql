-- What a catalogue that was read depends on: its version, and the present definition of every type's views, whoever made them.
-- A view made anew has another rule (oid), a replaced one a rule of another transaction (xmin).
SELECT s.version, (
    SELECT coalesce(sum(hashtext(r.oid::text || ' ' || r.xmin::text)), 0)
    FROM cabd.feature_types t
    CROSS JOIN (VALUES ('_en'), ('_fr')) AS l (suffix)
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN position('.' IN t.data_view) > 0 THEN split_part(t.data_view, '.', 1) ELSE 'cabd' END AS schema,
            CASE WHEN position('.' IN t.data_view) > 0 THEN split_part(t.data_view, '.', 2) ELSE t.data_view END AS root
    ) AS v
    JOIN pg_rewrite r ON r.ev_class = to_regclass(quote_ident(v.schema) || '.' || quote_ident(v.root || l.suffix))
) AS views
FROM cabd.catalog_state s
