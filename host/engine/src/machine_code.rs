/// Machine code that may be loaded.
///
/// There are two ways to get one, and both are in this crate: from the compiler child, or from a cache record whose MAC holds. Whoever
/// holds a value of this type therefore need not ask where its bytes come from.
pub struct MachineCode(Vec<u8>);

impl MachineCode {
    pub(crate) fn from_trusted_source(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
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
