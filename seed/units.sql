-- For the contracts "portal-2025-12" and "portal-2026": the seeded houses, as those portals keep them.
-- unit_uid is made of the lot and the development's second word: LV-001 of Longview Park is LV-PARK-001.
-- A materialized view, made anew by each seeding: names are looked up in an index, and a table of another application that
-- has the same name is never taken for it.

DROP MATERIALIZED VIEW IF EXISTS units;

CREATE MATERIALIZED VIEW units AS
SELECT h.id,
       named.code || '-' || split_part(h.metadata->>'lotNumber', '-', 2) AS unit_uid,
       h.tenant_id,
       h.development_id,
       h.development_id AS project_id,
       h.metadata->>'houseNumber' AS unit_number,
       h.house_type AS house_type_code,
       d.name AS development_name,
       named.code AS development_code,
       h.address,
       h.name AS purchaser_name
FROM homeowners AS h
JOIN developments AS d ON d.id = h.development_id
CROSS JOIN LATERAL (
    SELECT split_part(h.metadata->>'lotNumber', '-', 1) || '-' || upper(split_part(d.name, ' ', 2)) AS code
) AS named;

CREATE UNIQUE INDEX units_unit_uid ON units (unit_uid);
CREATE UNIQUE INDEX units_id ON units (id);
ANALYZE units;

COMMENT ON MATERIALIZED VIEW units IS 'made by loadtest seed';
