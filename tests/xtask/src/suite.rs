pub(crate) fn run() -> crate::shell::Outcome { Ok(()) }
