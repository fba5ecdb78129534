-- For the contract "portal-2026": the seeded chunks as its sections, and the function that searches them.

CREATE OR REPLACE VIEW document_sections AS
SELECT c.id,
       c.development_id AS project_id,
       c.content,
       c.metadata || jsonb_build_object(
           'title', d.title,
           'documentType', d.document_type,
           'date', to_char(d.created_at, 'FMMonth YYYY'),
           'houseType', c.house_type_code
       ) AS metadata,
       c.embedding
FROM doc_chunks AS c
JOIN documents AS d ON d.id = c.document_id;

CREATE OR REPLACE FUNCTION match_document_sections(
    query_embedding vector(1536), match_project_id uuid, match_count integer DEFAULT 50
)
RETURNS TABLE (id uuid, content text, metadata jsonb, similarity double precision)
LANGUAGE sql STABLE
AS $$
    SELECT s.id, s.content, s.metadata, 1 - (s.embedding <=> query_embedding)
    FROM document_sections AS s
    WHERE s.project_id = match_project_id
    ORDER BY s.embedding <=> query_embedding
    LIMIT match_count
$$;

COMMENT ON VIEW document_sections IS 'made by loadtest seed';
COMMENT ON FUNCTION match_document_sections IS 'made by loadtest seed';
