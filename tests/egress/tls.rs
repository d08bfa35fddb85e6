//! Origins that use TLS, and HTTP/2 over it.

use crate::world::{Script, egress, egress_to, full, get, install, listen, send, send_as, send_request, soon, text};
use alga_egress::{EgressError, Traffic};
use http::Version;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Server side of TLS for `api.example.com`, and the certificate authority that issued its
/// certificate.
fn acceptor() -> (TlsAcceptor, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let own_key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["api.example.com".to_owned()])
        .unwrap()
        .signed_by(&own_key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            rustls_pki_types::PrivatePkcs8KeyDer::from(own_key.serialize_der()).into(),
        )
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (
        TlsAcceptor::from(Arc::new(server)),
        authority_certificate.der().to_vec(),
    )
}

/// Starts an origin over TLS; returns its port and its certificate authority.
async fn origin<F>(serve: impl Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static) -> (u16, Vec<u8>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (acceptor, authority) = acceptor();
    let (port, _) = listen(move |stream| {
        let (acceptor, serve) = (acceptor.clone(), serve.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    })
    .await;
    (port, authority)
}

#[tokio::test]
async fn over_tls_the_name_is_verified_and_http_2_is_spoken_where_it_is_offered() {
    let (port, authority) = origin(|stream| async move {
        auto::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(crate::origin::echo))
            .await
            .ok();
    })
    .await;
    let exceptions = format!("api.example.com:{port}=127.0.0.1,other.example.com:{port}=127.0.0.1");
    let way = |authorities| egress(Script::new(&[&["127.0.0.1"]]), "*", &exceptions, authorities);
    let trusted = way(vec![authority]);
    let declared = [format!("api.example.com:{port}"), format!("other.example.com:{port}")];
    let declared: Vec<&str> = declared.iter().map(String::as_str).collect();
    let response = send(&trusted, &declared, &format!("https://api.example.com:{port}/x"))
        .await
        .unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let seen = text(response).await.unwrap();
    assert!(seen.contains(&format!("https://api.example.com:{port}/x")), "{seen}");
    let wrong_name = send(&trusted, &declared, &format!("https://other.example.com:{port}/"))
        .await
        .err();
    assert!(matches!(wrong_name, Some(EgressError::Tls(_))), "{wrong_name:?}");
    let third_party = send(&way(vec![]), &declared, &format!("https://api.example.com:{port}/"))
        .await
        .err();
    assert!(matches!(third_party, Some(EgressError::Tls(_))), "{third_party:?}");
}

/// Opens an HTTP/2 connection: reads the client's preface and sends our settings.
async fn greet(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.is_ok() && stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.is_ok()
}

#[tokio::test]
async fn http_2_connections_flooded_with_frames_are_closed() {
    let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[1; 8]].concat();
    let settings = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    // An unbounded response head: HEADERS, then CONTINUATION frames without limit, each with a
    // header that is not indexed.
    let header = [&[0_u8][..], &[1, b'x', 0x7f, 0x81, 0x7e], &[b'a'; 16_384 - 400]].concat();
    let frame = |kind: u8| {
        let length = u32::try_from(header.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 1], &header].concat()
    };
    for (what, first, flood) in [
        ("pings", vec![], ping),
        ("settings", vec![], settings),
        ("continuations", frame(1), frame(9)),
        (
            "empty data",
            [&[0, 0, 1, 1, 4, 0, 0, 0, 1][..], &[0x88]].concat(),
            vec![0, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
    ] {
        let (first, flood) = (Arc::new(first), Arc::new(flood.repeat(64)));
        let (port, authority) = origin(move |mut stream| {
            let (first, flood) = (Arc::clone(&first), Arc::clone(&flood));
            async move {
                if !greet(&mut stream).await {
                    return;
                }
                let (mut read, mut write) = tokio::io::split(stream);
                let ignore = tokio::spawn(async move {
                    let mut bytes = [0; 16 * 1024];
                    while read.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
                });
                write.write_all(&first).await.ok();
                while write.write_all(&flood).await.is_ok() && !ignore.is_finished() {}
            }
        })
        .await;
        let egress = egress_to(port, vec![authority]);
        let pattern = format!("api.example.com:{port}");
        let traffic = Traffic::default();
        let request = get(&format!("https://{pattern}/"));
        let reply = send_as(&egress, install("acme"), &[&pattern], request, soon(), &traffic).await;
        let ended = match reply {
            Ok(reply) => text(reply).await.err(),
            Err(refused) => Some(refused),
        };
        assert!(matches!(ended, Some(EgressError::Protocol)), "{what}: {ended:?}");
        assert!(
            traffic.received_bytes() < 1024 * 1024,
            "{what}: {}",
            traffic.received_bytes()
        );
    }
}

/// Responds to every request at once and reads no byte of its body. Notifies when the connection is
/// closed.
async fn respond_without_reading(mut stream: TlsStream<TcpStream>, ended: Arc<Notify>) {
    let mut preface = [0; 24];
    assert!(stream.read_exact(&mut preface).await.is_ok());
    // SETTINGS: a flow-control window of zero for bodies.
    let no_window = [&[0, 0, 6, 4, 0, 0, 0, 0, 0][..], &[0, 4, 0, 0, 0, 0]].concat();
    stream.write_all(&no_window).await.ok();
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.ok();
        let reply = match (head[3], head[4] & 1) {
            // HEADERS: status 200 and no body.
            (1, _) => [&[0, 0, 1, 1, 5][..], &head[5..], &[0x88]].concat(),
            // SETTINGS acknowledgement.
            (4, 0) => vec![0, 0, 0, 4, 1, 0, 0, 0, 0],
            _ => continue,
        };
        stream.write_all(&reply).await.ok();
    }
    ended.notify_one();
}

#[tokio::test]
async fn an_origin_that_never_reads_the_body_cannot_hold_permits_for_long() {
    let ended = Arc::new(Notify::new());
    let output = Arc::clone(&ended);
    let (port, authority) = origin(move |stream| respond_without_reading(stream, Arc::clone(&output))).await;
    let egress = egress_to(port, vec![authority]);
    let pattern = format!("api.example.com:{port}");
    let upload = || async {
        let request = http::Request::post(format!("https://{pattern}/"))
            .body(full(vec![0; 100_000]))
            .unwrap();
        send_request(&egress, &[&pattern], request).await
    };
    // The first requests may be in flight before it is known that the origin reads no body.
    let mut refused = None;
    for _ in 0..66 {
        refused = upload().await.err();
    }
    assert!(matches!(refused, Some(EgressError::TooMany(_))), "{refused:?}");
    // No guest waits for any of them: their connection is closed, and their permits are free.
    ended.notified().await;
    assert!(upload().await.is_ok());
}
