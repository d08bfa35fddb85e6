//! Attacks by HTTP/2 frames that no client library would send.

use crate::protocols::{Served, TARGET};
use alga_server::ServeLimits;
use std::future::pending;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One HTTP/2 frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A literal field without indexing and without Huffman code (RFC 7541, 6.2.2).
fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        match u8::try_from(text.len()) {
            Ok(short @ 0..127) => bytes.push(short),
            _ => {
                let rest = text.len() - 127;
                bytes.extend([
                    127,
                    u8::try_from(rest % 128).unwrap() | 128,
                    u8::try_from(rest / 128).unwrap(),
                ]);
            }
        }
        bytes.extend(text);
    }
    bytes
}

fn fields(of: &[(&[u8], &[u8])]) -> Vec<u8> {
    of.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// The beginning of a connection.
fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// Returns the bytes of a connection with a GET request, whose client accepts a large response.
pub(crate) fn get(target: &str, token: &str) -> Vec<u8> {
    let block = fields(&[
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"a"),
        (b":path", target.as_bytes()),
        (b"authorization", token.as_bytes()),
    ]);
    let windows = (1_u32 << 30).to_be_bytes();
    [
        preface(),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &block),
        frame(WINDOW_UPDATE, 0, 0, &windows),
        frame(WINDOW_UPDATE, 0, 1, &windows),
    ]
    .concat()
}

/// Returns kind, flags and payload of the frames that a server sent.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let payload = &rest[..length.min(rest.len())];
        frames.push((head[3], head[4], payload.to_vec()));
        bytes = &rest[length.min(rest.len())..];
    }
    frames
}

/// Covers H3 for HTTP/2, and the forms of RFC 9113, 8.2 and 8.3 that must not be passed on.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_http_2_requests_are_refused_and_never_executed() {
    let served = Served::new().await;
    let target = TARGET.as_bytes();
    let token = served.token.as_bytes();
    let good: [(&[u8], &[u8]); 5] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"a"),
        (b":path", target),
        (b"authorization", token),
    ];
    let with = |more: &[(&[u8], &[u8])]| fields(&[&good[..], more].concat());
    let without = |name: &[u8]| fields(&good.into_iter().filter(|(other, _)| *other != name).collect::<Vec<_>>());
    let cases: Vec<(&str, Vec<u8>, &[u8])> = vec![
        ("transfer-encoding", with(&[(b"transfer-encoding", b"chunked")]), b""),
        ("connection", with(&[(b"connection", b"x-ext-a")]), b""),
        ("keep-alive", with(&[(b"keep-alive", b"timeout=5")]), b""),
        ("upgrade", with(&[(b"upgrade", b"h2c")]), b""),
        ("te", with(&[(b"te", b"gzip")]), b""),
        (
            "line feed in a value",
            with(&[(b"x-ext-a", b"1\r\nx-alga-tenant: globex")]),
            b"",
        ),
        ("nul in a value", with(&[(b"x-ext-a", b"1\0")]), b""),
        ("upper case", with(&[(b"X-Ext-A", b"1")]), b""),
        ("space in a name", with(&[(b"x-ext-a ", b"1")]), b""),
        ("colon in a name", with(&[(b"x:a", b"1")]), b""),
        ("empty name", with(&[(b"", b"1")]), b""),
        (
            "pseudo after regular",
            [with(&[]), field(b":path", b"/x")].concat(),
            b"",
        ),
        ("unknown pseudo", [field(b":x", b"1"), with(&[])].concat(), b""),
        ("two paths", [field(b":path", b"/healthz"), with(&[])].concat(), b""),
        ("two methods", [field(b":method", b"GET"), with(&[])].concat(), b""),
        ("no method", without(b":method"), b""),
        ("no scheme", without(b":scheme"), b""),
        ("no path", without(b":path"), b""),
        ("empty path", [without(b":path"), field(b":path", b"")].concat(), b""),
        (
            "line feed in the path",
            [without(b":path"), field(b":path", b"/a\r\nb")].concat(),
            b"",
        ),
        ("another host", with(&[(b"host", b"b")]), b""),
        ("longer length", with(&[(b"content-length", b"10")]), b"short"),
        ("shorter length", with(&[(b"content-length", b"1")]), b"longer"),
        (
            "two lengths",
            with(&[(b"content-length", b"5"), (b"content-length", b"6")]),
            b"short",
        ),
        ("no number", with(&[(b"content-length", b"five")]), b"short"),
        ("response status", with(&[(b":status", b"200")]), b""),
    ];
    for (name, block, body) in cases {
        let request = [
            preface(),
            frame(HEADERS, END_HEADERS, 1, &block),
            frame(DATA, END_STREAM, 1, body),
            // Ends the connection when the response was sent.
            frame(GOAWAY, 0, 0, &[0; 8]),
        ];
        let received = timeout(Duration::from_secs(20), served.raw(&request.concat())).await;
        for (kind, _, payload) in frames(&received.expect(name)) {
            // 0x88 is `:status: 200` (RFC 7541, appendix A).
            assert!(kind != HEADERS || payload.first() != Some(&0x88), "{name} was executed");
        }
    }
    assert!(served.is_healthy().await);
}

/// Covers H4: each flood ends the connection, or is read without growing memory, while others are
/// served.
#[tokio::test(flavor = "multi_thread")]
async fn floods_of_http_2_frames_do_not_stop_other_clients() {
    let limits = ServeLimits {
        headers: Duration::from_secs(1),
        ..ServeLimits::default()
    };
    let served = Served::with(limits).await;
    let request = fields(&[
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"a"),
        (b":path", TARGET.as_bytes()),
        (b"authorization", served.token.as_bytes()),
    ]);
    let open = |stream: u32, flags: u8| frame(HEADERS, flags, stream, &request);
    let streams = || (0..2_000_u32).map(|number| 2 * number + 1);
    let reset = |stream: u32| {
        [
            open(stream, END_HEADERS | END_STREAM),
            frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
        ]
        .concat()
    };
    let continuation = [
        open(1, 0),
        (0..20_000)
            .flat_map(|_| frame(CONTINUATION, 0, 1, &field(b"x-ext-a", &[b'a'; 100])))
            .collect(),
    ]
    .concat();
    let empty = [
        open(1, END_HEADERS),
        (0..200_000).flat_map(|_| frame(DATA, 0, 1, &[])).collect(),
    ]
    .concat();
    let floods: [(&str, Vec<u8>, bool); 6] = [
        ("rapid reset", streams().flat_map(reset).collect(), true),
        ("continuation", continuation, true),
        (
            "too many streams",
            streams().flat_map(|stream| open(stream, END_HEADERS)).collect(),
            false,
        ),
        (
            "ping",
            (0..100_000).flat_map(|_| frame(PING, 0, 0, &[0; 8])).collect(),
            false,
        ),
        (
            "settings",
            (0..100_000).flat_map(|_| frame(SETTINGS, 0, 0, &[])).collect(),
            false,
        ),
        ("empty data", empty, false),
    ];
    for (name, flood, is_refused) in floods {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let send = async {
            writer.write_all(&preface()).await.ok();
            writer.write_all(&flood).await.is_ok()
        };
        // Reads like a client that is too slow, so that the server cannot respond to everything.
        let read = async {
            let mut bytes = vec![0; 64 * 1024];
            let mut received = Vec::new();
            while let Ok(length @ 1..) = reader.read(&mut bytes).await {
                if received.len() < 16 * 1024 * 1024 {
                    received.extend_from_slice(&bytes[..length]);
                }
            }
            received
        };
        let attack = async {
            let (_, received) = tokio::join!(send, read);
            received
        };
        let healthy = async {
            for _ in 0..10 {
                assert!(served.is_healthy().await, "{name}");
            }
        };
        if is_refused {
            let attack = timeout(Duration::from_secs(20), attack);
            let (received, ()) = tokio::join!(attack, healthy);
            let frames = frames(&received.expect("the connection is closed"));
            assert!(frames.iter().any(|(kind, ..)| *kind == GOAWAY), "{name}");
        } else {
            // The attack goes on as long as others are served.
            tokio::select! {
                _ = async { attack.await; pending::<()>().await } => {}
                () = healthy => {}
            }
        }
    }
    let used = served.world.platform().execute().unwrap();
    assert!(used.is_ready());
}
