use crate::transport::Transport;
use crate::{Credential, ExecuteRequest, Release, Reply, TestResponse, component, fresh_database, program, tenant_id};
use alga_auth::{Access, Authenticator, Caller, Credentials, ServiceGrant, TokenIssuer, TokenVerifier};
use alga_bundle::TenantId;
use alga_gateway::{
    Authentication, CorsOrigins, GatewayDependencies, GatewayLimits, Installs, RateLimits, RemoteRunner,
};
use alga_http::edge;
use alga_registry_types::{Install, Operation, Part, Published, form};
use alga_server::{Config, HostKeys, Platform, Role, ServeLimits, serve};
use alga_signing::{SigningKey, TrustFile};
use axum::Router;
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Platform in a directory of its own, called in process.
pub struct TestPlatform {
    directory: Arc<TempDir>,
    key: Arc<SigningKey>,
    platform: Platform,
    transport: Transport,
    secrets: HostKeys,
    administrator: String,
    settings: Vec<(String, String)>,
}

impl TestPlatform {
    /// Starts a platform with nothing published.
    pub async fn new() -> Self {
        Self::with_settings(&[]).await
    }

    /// Starts a platform with these settings, named by their keys in the configuration file.
    pub async fn with_settings(settings: &[(&str, &str)]) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let mut settings: Vec<_> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        settings.extend(fresh_database().map(|url| ("database".to_owned(), url)));
        Self::start(directory, Arc::new(SigningKey::generate().unwrap()), settings).await
    }

    /// Stops this platform and starts another one on the same directory and database, to test what
    /// survives a restart.
    pub async fn restart(self) -> Self {
        self.stop().await.start_with(&[]).await.unwrap()
    }

    /// Stops the platform; its directory and database stay.
    pub async fn stop(self) -> StoppedPlatform {
        self.transport.stop().await;
        self.platform.close().await;
        StoppedPlatform {
            directory: self.directory,
            key: self.key,
            settings: self.settings,
        }
    }

    async fn start(directory: Arc<TempDir>, key: Arc<SigningKey>, settings: Vec<(String, String)>) -> Self {
        let stopped = StoppedPlatform {
            directory,
            key,
            settings,
        };
        stopped.start_with(&[]).await.unwrap()
    }

    /// Returns the platform's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the URL of the Postgres database; none on SQLite.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        let setting = self.settings.iter().find(|(key, _)| key == "database");
        setting.map(|(_, url)| url.as_str())
    }

    /// Returns the key that the platform trusts for publisher `example`.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Returns the router with all routes.
    pub fn router(&self) -> Router {
        self.transport.router()
    }

    /// Returns the running platform.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Returns the routes of a gateway that calls this platform's runner over a socket, as a
    /// process of its own does.
    pub async fn remote_gateway(&self) -> Router {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let limits = ServeLimits::of(Role::Runner);
        tokio::spawn(serve(listener, self.router(), limits, std::future::pending()));
        self.gateway_of(&url)
    }

    /// Returns the routes of a gateway whose runner has this base URL.
    ///
    /// # Panics
    /// Panics if the URL is not valid.
    pub fn gateway_of(&self, url: &str) -> Router {
        let issuer = TokenIssuer::new(
            &self.secrets.service().unwrap().to_keypair_bytes(),
            ServiceGrant::AUDIENCE,
        );
        let callers = self.secrets.callers().unwrap().public_bytes();
        let callers = TokenVerifier::new(&[callers], Caller::AUDIENCE, Caller::LONGEST, Caller::BYTES).unwrap();
        let unlimited = NonZeroU32::new(1_000_000).unwrap();
        let credentials = Credentials {
            callers: Some(callers),
            ..Credentials::default()
        };
        let timeout = self.settings.iter().find(|(key, _)| key == "gateway_timeout_ms");
        let timeout = timeout.map_or(5_000, |(_, milliseconds)| milliseconds.parse().unwrap());
        edge(alga_gateway::router(GatewayDependencies {
            authentication: Authentication::new(Arc::new(Authenticator::new(credentials)), None),
            installs: Installs::new(self.platform.database().clone()),
            runner: Arc::new(RemoteRunner::new(url, issuer.unwrap(), &[]).unwrap()),
            limits: GatewayLimits {
                timeout: Duration::from_millis(timeout),
                rates: RateLimits {
                    tenant: unlimited,
                    install: unlimited,
                    endpoint: unlimited,
                },
                origins: CorsOrigins::default(),
            },
        }))
    }

    /// Sends a request: in process, or with the protocol of `ALGA_TEST_PROTOCOL` over a socket.
    pub async fn send(&self, request: Request<Body>) -> TestResponse {
        self.transport.send(request).await
    }

    /// Returns the operator's token.
    #[must_use]
    pub fn administrator_token(&self) -> &str {
        &self.administrator
    }

    /// Sends an operation to the registry as the operator.
    pub async fn operate<R>(&self, operation: &Operation<R>) -> Reply<R> {
        self.operate_as(&self.administrator, operation).await
    }

    /// Sends an operation to the registry with this credential.
    pub async fn operate_as<R>(&self, credential: &str, operation: &Operation<R>) -> Reply<R> {
        let mut request = Request::builder()
            .method(operation.method)
            .uri(&operation.path)
            .header("authorization", format!("Bearer {credential}"))
            .header("content-type", &operation.body.content_type);
        for (name, value) in &operation.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(operation.body.bytes.clone())).unwrap();
        Reply::new(self.send(request).await)
    }

    /// Sends any JSON as the operator, for requests that no client library would send.
    pub async fn send_json(&self, method: &str, path: &str, body: &Value) -> TestResponse {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.administrator))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Publishes these bytes as the operator.
    pub async fn publish_bytes(&self, bundle: &[u8], signatures: Option<&[u8]>) -> Reply<Published> {
        let mut parts = vec![Part::field("bundle", bundle)];
        parts.extend(signatures.map(|signatures| Part::field("signatures", signatures)));
        self.operate(&alga_registry_types::publish(form(&parts))).await
    }

    /// Signs a release of a guest under this name, without capabilities.
    #[must_use]
    pub fn release(&self, name: &str, version: &str, guest: &str) -> Release {
        Release::new(&self.key, &Release::manifest(name, version, &[]), &component(guest))
    }

    /// Publishes a release that may be refused.
    pub async fn try_publish(&self, release: &Release) -> Reply<Published> {
        self.publish_bytes(&release.bundle, Some(&release.signatures)).await
    }

    /// Publishes a release that must be accepted.
    pub async fn publish(&self, release: &Release) -> Reply<Published> {
        let reply = self.try_publish(release).await;
        assert!(reply.status.is_success(), "{}", reply.text());
        reply
    }

    /// Installs a release for a tenant.
    pub async fn install(&self, tenant: &str, release: &Release, grants: &[&str]) -> Reply<Install> {
        let request = release.install_request(grants);
        self.operate(&alga_registry_types::install(&tenant_id(tenant), &request))
            .await
    }

    /// Publishes a guest as `com.example.<guest>` 1.0.0 and installs it for tenant `acme` with the
    /// capabilities it declares.
    pub async fn install_guest(&self, guest: &str, capabilities: &[&str]) -> Install {
        let name = format!("com.example.{}", guest.replace('_', "-"));
        let release = Release::new(
            &self.key,
            &Release::manifest(&name, "1.0.0", capabilities),
            &component(guest),
        );
        self.publish(&release).await;
        self.install("acme", &release, capabilities).await.ok()
    }

    /// Publishes and installs a guest as [`Self::install_guest`] does, and returns a valid execute
    /// request for it.
    pub async fn with_guest(&self, guest: &str, capabilities: &[&str]) -> ExecuteRequest {
        self.request_for(&self.install_guest(guest, capabilities).await)
    }

    /// Returns what the present state of an install allows, as the gateway grants it.
    #[must_use]
    pub fn grant_for(&self, install: &Install) -> ServiceGrant {
        ServiceGrant {
            tenant_id: install.tenant_id.clone(),
            extension_id: install.extension_id.clone(),
            install_id: install.id.clone(),
            version_id: install.version_id.clone(),
            content_hash: install.content_hash,
            grants: install.grants.iter().cloned().collect(),
            egress: install.egress.iter().cloned().collect(),
            call: None,
        }
    }

    /// Returns a valid execute request for an install as the registry returned it.
    #[must_use]
    pub fn request_for(&self, install: &Install) -> ExecuteRequest {
        let grant = self.grant_for(install);
        ExecuteRequest {
            tenant: grant.tenant_id.to_string(),
            extension: grant.extension_id.to_string(),
            idempotency_key: None,
            body: json!({
                "context": {
                    "tenant_id": grant.tenant_id, "extension_id": grant.extension_id, "install_id": grant.install_id,
                    "version_id": grant.version_id, "content_hash": grant.content_hash,
                },
                "http": { "method": "GET", "path": "/" },
                "limits": {},
            }),
            credential: Credential::Grant(Box::new(grant)),
        }
    }

    /// Creates a service token as the gateway would.
    #[must_use]
    pub fn service_token(&self, grant: &ServiceGrant) -> String {
        let issuer = TokenIssuer::new(
            &self.secrets.service().unwrap().to_keypair_bytes(),
            ServiceGrant::AUDIENCE,
        )
        .unwrap();
        issuer.issue(grant, ServiceGrant::LONGEST).unwrap()
    }

    /// Returns the bearer token of an execute request, if it has one.
    #[must_use]
    pub fn token_for(&self, request: &ExecuteRequest) -> Option<String> {
        match &request.credential {
            Credential::Missing => None,
            Credential::Token(token) => Some(token.clone()),
            Credential::Grant(grant) => Some(self.service_token(grant)),
        }
    }

    /// Creates a caller's token for the gateway.
    #[must_use]
    pub fn caller_token(&self, tenant: &str, access: Access) -> String {
        let tenant: TenantId = tenant.parse().unwrap();
        self.token_of(&Caller {
            access,
            ..Caller::developer(tenant)
        })
    }

    /// Creates a token for any caller.
    #[must_use]
    pub fn token_of(&self, caller: &Caller) -> String {
        let issuer = TokenIssuer::new(&self.secrets.callers().unwrap().to_keypair_bytes(), Caller::AUDIENCE).unwrap();
        issuer.issue(caller, Duration::from_mins(10)).unwrap()
    }

    /// Sends `POST /v1/execute`.
    pub async fn execute(&self, request: &ExecuteRequest) -> TestResponse {
        self.execute_bytes(request, request.body.to_string().into_bytes()).await
    }

    /// Sends `POST /v1/execute` with a body that need not be JSON.
    pub async fn execute_bytes(&self, request: &ExecuteRequest, body: Vec<u8>) -> TestResponse {
        let mut builder = Request::post("/v1/execute")
            .header("x-alga-tenant", &request.tenant)
            .header("x-alga-extension", &request.extension);
        if let Some(token) = self.token_for(request) {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = &request.idempotency_key {
            builder = builder.header("x-idempotency-key", key);
        }
        self.send(builder.body(Body::from(body)).unwrap()).await
    }

    /// Sends a GET request to the gateway as a user of tenant `acme` who has full access.
    pub async fn get(&self, target: &str) -> TestResponse {
        self.call("acme", "GET", target, "").await
    }

    /// Sends a request to the gateway as a user of `tenant` who has full access.
    pub async fn call(&self, tenant: &str, method: &str, target: &str, body: &str) -> TestResponse {
        let token = self.caller_token(tenant, Access::Write);
        let request = Request::builder().method(method).uri(format!("/api/ext/{target}"));
        let request = request
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

/// Directory, database and settings that a stopped platform leaves behind.
pub struct StoppedPlatform {
    directory: Arc<TempDir>,
    key: Arc<SigningKey>,
    settings: Vec<(String, String)>,
}

impl StoppedPlatform {
    /// Returns the platform's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts a platform on this directory and database, with additional settings.
    ///
    /// # Errors
    /// Returns the whole error chain as text if the platform does not start.
    pub async fn start_with(&self, more: &[(&str, &str)]) -> Result<TestPlatform, String> {
        let trust = TrustFile::of(&"example".parse().unwrap(), &self.key).unwrap();
        let mut flags = BTreeMap::from([
            ("data".to_owned(), self.directory.path().display().to_string()),
            ("trust_bundle".to_owned(), trust.to_json().unwrap()),
            ("pool".to_owned(), "32".to_owned()),
            ("record_one_in".to_owned(), "0".to_owned()),
            // Other tests, which are preferred otherwise, compute at the same time.
            ("guest_niceness".to_owned(), "1".to_owned()),
            ("dev".to_owned(), "true".to_owned()),
        ]);
        flags.extend(self.settings.iter().cloned());
        flags.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        // Tests of the compiler's limits compile, and so do benchmarks, which are optimized.
        let compiles = flags.keys().any(|key| key.starts_with("compiler_")) || !cfg!(debug_assertions);
        let compiler = program(if compiles { "alga-compiler" } else { "cached-compiler" });
        flags
            .entry("compiler".to_owned())
            .or_insert_with(|| compiler.display().to_string());
        let config = Config::load(&flags, &|_| None, None).unwrap();
        let platform = Platform::start(&config)
            .await
            .map_err(|error| alga_errors::chain(&error).to_string())?;
        let secrets = HostKeys::open(self.directory.path()).unwrap();
        Ok(TestPlatform {
            administrator: secrets.administrator().unwrap().to_string(),
            directory: Arc::clone(&self.directory),
            key: Arc::clone(&self.key),
            transport: Transport::new(platform.router.clone()),
            platform,
            secrets,
            settings: self.settings.clone(),
        })
    }
}
