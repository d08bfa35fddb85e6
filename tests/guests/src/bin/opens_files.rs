//! Opens files and sockets to which it has no access, as a language's standard library does that
//! was not written for extensions.
#![no_main]

use alga::prelude::*;
use files::wasi::filesystem::preopens;
use files::wasi::sockets::{network::IpAddressFamily, tcp_create_socket, udp_create_socket};

mod files {
    wit_bindgen::generate!({
        inline: "package test:files; world files {
            import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12;
            import wasi:sockets/tcp-create-socket@0.2.12; import wasi:sockets/udp-create-socket@0.2.12;
        }",
        path: "../../wit",
        generate_all,
    });
}

#[alga::handler]
fn handle(_: Request) -> Result<Response> {
    let tcp = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4);
    let udp = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv6);
    let directories = preopens::get_directories();
    if let Some((directory, _)) = directories.first() {
        directory.unlink_file_at("everything").ok();
    }
    Response::json(&serde_json::json!({
        "directories": directories.len(),
        "tcp": tcp.err().map(|error| error.name()),
        "udp": udp.err().map(|error| error.name()),
    }))
}
