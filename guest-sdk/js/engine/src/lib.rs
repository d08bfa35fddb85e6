//! The JavaScript engine that all extensions in JavaScript share: QuickJS, the web's interfaces
//! over the host's, and the handler of requests.
//!
//! It is a core module without a memory of its own. `alga build` evaluates an extension's modules
//! in it and stores the memory that results, the snapshot; a host starts each execution with a
//! fresh copy of that. The engine's machine code is the same for all extensions.
//!
//! | module | its one idea |
//! |---|---|
//! | `build` | what `alga build` calls: compile; begin, prepare, evaluate, seal |
//! | `compile` | modules in compiled form |
//! | `stage` | whether there is a host |
//! | `engine` | the one runtime and context |
//! | `memory` | the allocator, which leaves no garbage in snapshots |
//! | `modules` | resolution and sources of modules |
//! | `names` | names of modules, and what an extension imports |
//! | `host` | the host's interfaces as modules, generated from WIT |
//! | `convert` | values of JavaScript and types of WIT |
//! | `native` | functions for the scripts in `script/` |
//! | `events` | timers, requests on their way, and the loop that waits for them |
//! | `fetch` | requests to other services |
//! | `handler` | the request that started the execution, and its response |
//! | `failure` | errors and their stacks as text, with the author's file names |
//! | `source_map` | positions in the bundle, and in the author's files |

mod build;
mod compile;
mod convert;
mod engine;
mod events;
mod failure;
mod fetch;
mod handler;
mod host;
#[cfg(target_family = "wasm")]
mod memory;
mod modules;
mod names;
mod native;
mod source_map;
mod stage;
