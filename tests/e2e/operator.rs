use alga_harness::{Release, Server};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use ureq::Agent;
use ureq::http::Request;

/// Operator's client for a server that may exit at any moment.
pub(crate) struct Operator {
    address: String,
    token: String,
}

/// Status and JSON of a response; none if the server exited.
pub(crate) type Reply = Option<(u16, Value)>;

impl Operator {
    /// Creates a client for the operator of the server in this directory.
    pub(crate) fn of(folder: &Path, server: &Server) -> Self {
        let token = fs::read_to_string(folder.join("alga-data/admin.token")).unwrap();
        Self {
            address: server.address().to_owned(),
            token: token.trim().to_owned(),
        }
    }

    fn send(&self, method: &str, path: &str, content_type: &str, body: Vec<u8>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", content_type);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true);
        let agent: Agent = config.build().into();
        let mut answer = agent.run(request.body(body).unwrap()).ok()?;
        let bytes = answer.body_mut().read_to_vec().ok()?;
        Some((
            answer.status().as_u16(),
            serde_json::from_slice(&bytes).unwrap_or_default(),
        ))
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        self.send(method, path, "application/json", body)
    }

    /// Sends a GET request as a user of the development tenant; returns the status.
    pub(crate) fn visit(&self, path: &str) -> Option<u16> {
        let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
        let answer = agent.get(format!("{}{path}", self.address)).call().ok()?;
        Some(answer.status().as_u16())
    }

    pub(crate) fn publish(&self, release: &Release) -> Reply {
        let mut form = Vec::new();
        for (name, bytes) in [("bundle", &release.bundle), ("signatures", &release.signatures)] {
            form.extend(format!("--frontier\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes());
            form.extend_from_slice(bytes);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(b"--frontier--\r\n");
        self.send(
            "POST",
            "/v1/registry/extensions",
            "multipart/form-data; boundary=frontier",
            form,
        )
    }

    /// Returns the row of a release, or none if it does not exist.
    pub(crate) fn version(&self, release: &Release) -> Option<Value> {
        let path = format!("/v1/registry/extensions/{}/versions/{}", release.name, release.version);
        let (status, row) = self.ask("GET", &path, &Value::Null).unwrap();
        (status == 200).then_some(row)
    }

    pub(crate) fn install(&self, tenant: &str, release: &Release, config: &Value) -> Reply {
        let body = json!({ "extension": release.name, "version": release.version, "grants": [], "config": config });
        self.ask("POST", &format!("/v1/registry/tenants/{tenant}/installs"), &body)
    }
}
