//! What adapters in `src/bin` have in common.
//!
//! | module | responsibility |
//! |---|---|
//! | `keyvalue` | every version of `wasi:keyvalue` over `alga:storage/kv` |
//! | `method` | methods of requests as text |

pub mod keyvalue;
pub mod method;
