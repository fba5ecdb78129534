-- For the contract "portal-2025-12": the QR tokens it has signed. A token itself is not kept, its SHA-256 in hex is.

CREATE TABLE IF NOT EXISTS qr_tokens (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    unit_id         uuid NOT NULL,
    tenant_id       uuid NOT NULL,
    development_id  uuid NOT NULL,
    token_hash      text NOT NULL UNIQUE CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (unit_id, development_id, tenant_id)
        REFERENCES homeowners (id, development_id, tenant_id) ON DELETE CASCADE
);

-- A seeding puts every house back to the state before onboarding.
DELETE FROM qr_tokens WHERE expires_at < now();
UPDATE qr_tokens SET used_at = NULL WHERE used_at IS NOT NULL;
