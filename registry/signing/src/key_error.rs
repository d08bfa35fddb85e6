/// An error of reading, writing or generating a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is not a private key.
    #[error(
        "not an Ed25519 or ECDSA P-256 private key (PKCS #8 PEM, `BEGIN PRIVATE KEY`)\nhint: make one with `alga keygen`"
    )]
    Private,
    /// The text is not a public key.
    #[error("not an Ed25519 or ECDSA P-256 public key (SPKI PEM, `BEGIN PUBLIC KEY`)")]
    Public,
    /// The operating system's random generator failed.
    #[error("the system gave no randomness: {0}")]
    Randomness(getrandom::Error),
}
