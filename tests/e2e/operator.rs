use alga_harness::{Release, Reply, Server, TestResponse, tenant_id};
use alga_registry_types::{Install, InstallRequest, Operation, Published, VersionDetails};
use std::fs;
use std::path::Path;
use ureq::Agent;
use ureq::http::Request;

/// Operator's client for a server that may exit at any moment.
pub(crate) struct Operator {
    address: String,
    token: String,
    agent: Agent,
}

impl Operator {
    /// Creates a client for the operator of the server in this directory.
    pub(crate) fn of(directory: &Path, server: &Server) -> Self {
        let token = fs::read_to_string(directory.join("alga-data/admin.token")).unwrap();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true);
        Self {
            address: server.address().to_owned(),
            token: token.trim().to_owned(),
            agent: config.build().into(),
        }
    }

    /// Returns a client of another process, with this API key.
    pub(crate) fn with_key(server: &Server, key: &str) -> Self {
        Self {
            token: key.to_owned(),
            ..Self::anonymous(server)
        }
    }

    /// Creates a client without a token, for a server with a development tenant.
    pub(crate) fn anonymous(server: &Server) -> Self {
        Self {
            address: server.address().to_owned(),
            token: String::new(),
            agent: Agent::config_builder().http_status_as_error(false).build().into(),
        }
    }

    /// Sends an operation; none if the server exited.
    pub(crate) fn operate<R>(&self, operation: &Operation<R>) -> Option<Reply<R>> {
        let request = Request::builder()
            .method(operation.method)
            .uri(format!("{}{}", self.address, operation.path))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", &operation.body.content_type);
        let request = request.body(operation.body.bytes.clone()).unwrap();
        self.send(request).map(Reply::new)
    }

    /// Sends a GET request as the operator; none if the server exited.
    pub(crate) fn get(&self, path: &str) -> Option<TestResponse> {
        let request = Request::get(format!("{}{path}", self.address));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        self.send(request.body(Vec::new()).unwrap())
    }

    /// Sends a GET request as a user of the development tenant; none if the server exited.
    pub(crate) fn visit(&self, path: &str) -> Option<TestResponse> {
        let request = Request::get(format!("{}{path}", self.address));
        self.send(request.body(Vec::new()).unwrap())
    }

    fn send(&self, request: Request<Vec<u8>>) -> Option<TestResponse> {
        let (head, mut body) = self.agent.run(request).ok()?.into_parts();
        Some(TestResponse {
            status: head.status,
            headers: head.headers,
            body: body.read_to_vec().ok()?,
        })
    }

    pub(crate) fn publish(&self, release: &Release) -> Option<Reply<Published>> {
        self.operate(&alga_registry_types::publish(release.form()))
    }

    /// Returns the version of a release, or none if it does not exist.
    pub(crate) fn version(&self, release: &Release) -> Option<VersionDetails> {
        let operation = alga_registry_types::show_version(&release.name, &release.version);
        let reply = self.operate(&operation).unwrap();
        reply.status.is_success().then(|| reply.ok())
    }

    /// Installs for tenant `demo`.
    pub(crate) fn install(&self, request: &InstallRequest) -> Option<Reply<Install>> {
        self.operate(&alga_registry_types::install(&tenant_id("demo"), request))
    }
}
