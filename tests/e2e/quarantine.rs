//! A runner that crashes while it executes an extension, as its journal shows to the next one.

use crate::crash::prepared;
use crate::done;
use crate::operator::Operator;
use alga_harness::{Release, Server, component};
use alga_signing::SigningKey;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

pub(crate) fn install(operator: &Operator, key: &SigningKey, name: &str) -> String {
    let release = Release::new(key, &Release::manifest(name, "1.0.0", &[]), &component("streams"));
    operator.publish(&release).unwrap().ok();
    operator.install(&release.install_request(&[])).unwrap().ok();
    release.content_hash().to_string()
}

/// Begins an execution of `streams`, and returns when its guest has written the beginning of its
/// response.
pub(crate) fn begin(server: &Server, name: &str, path: &str) -> TcpStream {
    let host = server.address().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!("GET /api/ext/{name}{path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = Vec::new();
    while !received.windows(7).any(|text| text == b"data: 0") {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&received));
        received.extend(&bytes[..count]);
    }
    stream
}

fn call(server: &Server, name: &str) -> String {
    let host = server.address().strip_prefix("http://").unwrap();
    let request = format!("GET /api/ext/{name}/events HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    server.raw(request.as_bytes())
}

fn quarantine(directory: &Path, server: &Server, arguments: &[&str]) -> String {
    let all = [&["quarantine"][..], arguments, &["--server", server.address()]].concat();
    done(directory, &all)
}

#[test]
fn an_extension_that_crashes_runners_is_quarantined_and_one_beside_it_is_not() {
    let (directory, key) = prepared();
    let [cause, other] = ["com.example.cause", "com.example.other"];
    let mut server = Server::start(&directory);
    let operator = Operator::of(&directory, &server);
    let hash = install(&operator, &key, cause);
    install(&operator, &key, other);
    assert_eq!(
        quarantine(&directory, &server, &["list"]).trim(),
        "no runner crashed while it executed an extension"
    );
    // A guest that is between two slices when the process dies is not marked.
    let mut crash_until = |name, state| {
        let mut crashes = 0;
        while !quarantine(&directory, &server, &["list"]).contains(state) {
            crashes += 1;
            assert!(crashes <= 20, "{}", quarantine(&directory, &server, &["list"]));
            let stream = begin(&server, name, "/loop");
            std::thread::sleep(std::time::Duration::from_millis(50));
            server.kill();
            drop(stream);
            server = Server::start(&directory);
            assert!(call(&server, other).contains("data: 2"));
        }
        crashes
    };
    assert!(crash_until(other, ": 1 crashes") >= 1);
    assert!(crash_until(cause, "quarantined until") >= 3);
    let refused = call(&server, cause);
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(
        refused.contains("retry-after: ") && refused.contains("\"quarantined\""),
        "{refused}"
    );
    let listed = quarantine(&directory, &server, &["list"]);
    assert!(
        listed.contains(&format!("{hash}: 3 crashes")) && listed.contains("quarantined until"),
        "{listed}"
    );
    assert!(
        listed.contains(": 1 crashes") && listed.contains("not quarantined"),
        "{listed}"
    );
    let lifted = quarantine(&directory, &server, &["lift", &hash]);
    assert_eq!(lifted.trim(), format!("{hash} executes again"));
    // The next look at the database comes within a second.
    let executes = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        call(&server, cause).contains("data: 2")
    });
    assert!(executes, "{}", call(&server, cause));
    let audit = done(&directory, &["audit", "--server", server.address()]);
    assert!(
        audit.contains("runner.crash") && audit.contains("quarantine.lift"),
        "{audit}"
    );
    std::fs::remove_dir_all(directory).unwrap();
}
