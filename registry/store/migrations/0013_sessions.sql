-- Sessions of browsers, and the one-time links that begin them; the digest is the SHA-256 of the secret, in hexadecimal.
CREATE TABLE extension_session (
    digest TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('link', 'session')),
    actor TEXT NOT NULL,
    principal TEXT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);

CREATE INDEX extension_session_expiration ON extension_session (expires_at_ms);
CREATE INDEX extension_session_actor ON extension_session (actor);
