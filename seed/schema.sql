-- The portal's tables. Every row below a tenant carries the tenant's id, and the foreign keys carry it too:
-- a chunk cannot point at another tenant's document, nor a house at another tenant's development.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE IF NOT EXISTS tenants (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS developments (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name        text NOT NULL,
    address     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, name),
    UNIQUE (id, tenant_id)
);

CREATE TABLE IF NOT EXISTS homeowners (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL,
    development_id   uuid NOT NULL,
    name             text NOT NULL,
    email            text NOT NULL,
    house_type       text,
    address          text NOT NULL,
    unique_qr_token  text NOT NULL UNIQUE,
    -- houseNumber, lotNumber, onboardingStatus ("pending" or "completed"), and what the portal adds
    metadata         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (development_id, tenant_id) REFERENCES developments (id, tenant_id) ON DELETE CASCADE,
    UNIQUE (id, development_id, tenant_id)
);

CREATE TABLE IF NOT EXISTS documents (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    development_id  uuid NOT NULL,
    title           text NOT NULL,
    document_type   text NOT NULL,
    is_important    boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (development_id, tenant_id) REFERENCES developments (id, tenant_id) ON DELETE CASCADE,
    UNIQUE (id, development_id, tenant_id)
);

CREATE TABLE IF NOT EXISTS doc_chunks (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL,
    development_id   uuid NOT NULL,
    document_id      uuid NOT NULL,
    chunk_index      integer NOT NULL CHECK (chunk_index >= 0),
    content          text NOT NULL CHECK (content <> ''),
    -- A vector of length 0 has no cosine distance: a search would leave the row out without a word.
    embedding        vector(1536) NOT NULL CHECK (vector_norm(embedding) > 0),
    house_type_code  text,
    source_type      text NOT NULL,
    is_important     boolean NOT NULL DEFAULT false,
    metadata         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (document_id, development_id, tenant_id)
        REFERENCES documents (id, development_id, tenant_id) ON DELETE CASCADE,
    UNIQUE (document_id, chunk_index)
);

CREATE TABLE IF NOT EXISTS messages (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id       uuid NOT NULL,
    development_id  uuid NOT NULL,
    house_id        uuid NOT NULL,
    user_id         text,
    sender          text NOT NULL CHECK (sender IN ('user', 'assistant')),
    content         text NOT NULL,
    user_message    text,
    ai_message      text,
    source          text,
    latency_ms      integer CHECK (latency_ms >= 0),
    token_count     integer CHECK (token_count >= 0),
    cost_usd        numeric(12, 6) CHECK (cost_usd >= 0),
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (house_id, development_id, tenant_id)
        REFERENCES homeowners (id, development_id, tenant_id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS rate_limits (
    key         text PRIMARY KEY,
    count       integer NOT NULL CHECK (count >= 0),
    reset_time  bigint NOT NULL  -- epoch milliseconds
);

-- Tenant isolation is part of every query, so it is the front of every index.
CREATE INDEX IF NOT EXISTS homeowners_tenant_development ON homeowners (tenant_id, development_id);
CREATE INDEX IF NOT EXISTS documents_tenant_development ON documents (tenant_id, development_id);
CREATE INDEX IF NOT EXISTS doc_chunks_tenant_development ON doc_chunks (tenant_id, development_id, house_type_code);
CREATE INDEX IF NOT EXISTS doc_chunks_important ON doc_chunks (tenant_id, development_id) WHERE is_important;
CREATE INDEX IF NOT EXISTS messages_house ON messages (tenant_id, development_id, house_id, created_at DESC);
