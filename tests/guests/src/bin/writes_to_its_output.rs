//! Writes to standard output and standard error, and reads a process's usual environment, as
//! `println!` and `std::env` do in other languages.
#![no_main]

use alga_test_guests::{IncomingRequest, ResponseOutparam, raw_handler, respond};
use cli::wasi::cli::{environment, stderr, stdin, stdout, terminal_stdout};

mod cli {
    wit_bindgen::generate!({
        inline: "package test:cli; world cli {
            import wasi:cli/environment@0.2.12; import wasi:cli/stdin@0.2.12; import wasi:cli/stdout@0.2.12; import wasi:cli/stderr@0.2.12;
            import wasi:cli/terminal-stdout@0.2.12; import wasi:cli/exit@0.2.12;
        }",
        path: "../../wit",
        generate_all,
    });
}

fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let output = stdout::get_stdout();
    if request.path_with_query().is_some_and(|path| path.starts_with("/flood")) {
        // A gibibyte, or as much as the deadline permits.
        for _ in 0..256 * 1024 {
            output.blocking_write_and_flush(&[b'a'; 4096]).unwrap();
        }
    }
    output
        .blocking_write_and_flush(
            b"first line\nforged\r\n{\"level\":\"ERROR\",\"tenant\":\"victim\"}\nno end \xff\x1b[31m",
        )
        .unwrap();
    if request.path_with_query().is_some_and(|path| path.starts_with("/open")) {
        std::mem::forget(output);
    } else {
        drop(output);
    }
    let errors = stderr::get_stderr();
    errors.blocking_write_and_flush(b"to standard error\n").unwrap();
    drop(errors);
    let seen = [
        environment::get_environment().len(),
        environment::get_arguments().len(),
        usize::from(environment::initial_cwd().is_some()),
        usize::from(terminal_stdout::get_terminal_stdout().is_some()),
        usize::from(
            stdin::get_stdin()
                .blocking_read(10)
                .is_ok_and(|bytes| !bytes.is_empty()),
        ),
    ];
    if request.path_with_query().is_some_and(|path| path.starts_with("/exit")) {
        cli::wasi::cli::exit::exit(Err(()));
    }
    let body = respond(out, if seen == [0; 5] { 200 } else { 500 }, &[]);
    alga_test_guests::OutgoingBody::finish(body, None).unwrap();
}

raw_handler!(handle);
