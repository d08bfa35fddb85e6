/// Machine code that may be loaded.
///
/// Both ways to obtain one are in this crate: from the compiler child, or from a cache record whose
/// MAC verifies. A value of this type is therefore proof that its bytes may be loaded.
pub struct MachineCode(Vec<u8>);

impl MachineCode {
    pub(crate) fn from_trusted_source(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The raw machine code.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for MachineCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MachineCode({} bytes)", self.0.len())
    }
}
