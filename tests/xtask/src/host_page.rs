//! The demo's host application: a page that shows pages of extensions, on an origin of its own.

use crate::shell::{Outcome, root};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Bytes of a request's first line that are read.
const LINE_BYTES: u64 = 4096;

/// An extension with a page.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) content_hash: String,
}

/// The socket of the host application. It is bound before the platform starts, which must know its
/// origin.
pub(crate) struct HostPage(TcpListener);

impl HostPage {
    pub(crate) fn bind() -> Outcome<Self> {
        Ok(Self(TcpListener::bind("127.0.0.1:0")?))
    }

    pub(crate) fn origin(&self) -> Outcome<String> {
        Ok(format!("http://{}", self.0.local_addr()?))
    }

    /// Serves in a thread until the process ends.
    pub(crate) fn serve(self, alga: &str, pages: &[Page]) -> Outcome {
        let files = files(alga, pages)?;
        thread::spawn(move || {
            for stream in self.0.incoming().flatten() {
                // A browser that leaves is no error of the demo.
                respond(&stream, &files).ok();
            }
        });
        Ok(())
    }
}

type Files = BTreeMap<String, (&'static str, Vec<u8>)>;

fn files(alga: &str, pages: &[Page]) -> Outcome<Files> {
    let mut files = Files::new();
    let page = |text: &str| text.as_bytes().to_vec();
    files.insert(
        "/".to_owned(),
        ("text/html", page(include_str!("host_page/index.html"))),
    );
    files.insert(
        "/page.js".to_owned(),
        ("text/javascript", page(include_str!("host_page/page.js"))),
    );
    let extensions = pages.iter().map(
        |Page {
             name,
             version,
             content_hash,
         }| { format!("{{\"name\":\"{name}\",\"version\":\"{version}\",\"contentHash\":\"{content_hash}\"}}") },
    );
    let extensions = extensions.collect::<Vec<_>>().join(",");
    let settings = format!("{{\"alga\":\"{alga}\",\"extensions\":[{extensions}]}}");
    files.insert("/settings".to_owned(), ("application/json", settings.into_bytes()));
    for entry in fs::read_dir(root().join("guest-sdk/host/dist"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(format!("/sdk/{name}"), ("text/javascript", fs::read(path)?));
    }
    Ok(files)
}

fn respond(mut stream: &TcpStream, files: &Files) -> std::io::Result<()> {
    let mut line = String::new();
    std::io::Read::take(BufReader::new(stream), LINE_BYTES).read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    match files.get(path) {
        Some((kind, bytes)) => {
            let length = bytes.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {length}\r\n\
                 cache-control: no-store\r\nconnection: close\r\n\r\n"
            )?;
            stream.write_all(bytes)
        }
        None => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    }
}
