//! `bench principals`: the cost of an authenticated principal, and whether the time of a refusal
//! depends on a secret (H15).

use crate::allocations;
use crate::figures::{Figures, Target};
use crate::timing::{difference, wrong};
use alga_auth::{
    ApiKey, ApiKeyFuture, ApiKeyScope, ApiKeySource, ApiKeyText, Authenticator, BootstrapToken, Caller, Credentials,
    JwksFuture, JwksSource, JwksTiming, JwtSettings, JwtVerifier, KindNames, Principal, SessionFuture, SessionSecret,
    SessionSource, StoredSession, TokenIssuer, TokenVerifier,
};
use alga_errors::Problem;
use alga_harness::{OpenIdProvider, TestPlatform, tenant_id};
use alga_signing::Ed25519Key;
use serde_json::json;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Repetitions of an authentication.
const AUTHENTICATIONS: u32 = 100_000;
/// Samples of each comparison of secrets.
const SAMPLES: usize = 1_000_000;
/// Samples of the comparison of installs, each of which asks the database.
const INSTALL_SAMPLES: usize = 100_000;
/// Characters of a secret.
const SECRET_DIGITS: usize = 64;
/// Time at which every credential of this benchmark expires, or later.
const LATER: &str = "2100-01-01T00:00:00Z";
const BOOTSTRAP: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A store with one key.
struct OneKey(ApiKey);

impl ApiKeySource for OneKey {
    fn find<'a>(&'a self, _: &'a str) -> ApiKeyFuture<'a> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }

    fn record_use(&self, _: &str) {}
}

/// A store in which every session is one of the operator's.
struct AnySession;

impl SessionSource for AnySession {
    fn find<'a>(&'a self, _: &'a str) -> SessionFuture<'a> {
        Box::pin(async {
            Ok(Some(StoredSession {
                principal: Principal::Operator("bench".into()),
                expires: LATER.parse().unwrap(),
            }))
        })
    }
}

struct Keys(Vec<u8>);

impl JwksSource for Keys {
    fn fetch(&self) -> JwksFuture<'_> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// An authenticator, and a valid credential of each kind.
struct World {
    authenticator: Authenticator,
    caller: String,
    api_key: String,
    jwt: String,
    session: SessionSecret,
}

pub(crate) fn run(figures: &mut Figures) {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        world.costs(figures).await;
        world.differences(figures).await;
        existence(figures).await;
    });
}

impl World {
    fn new() -> Self {
        let key = Ed25519Key::generate().unwrap();
        let issuer = TokenIssuer::new(&key.to_keypair_bytes(), Caller::AUDIENCE).unwrap();
        let caller = Caller::developer("acme".parse().unwrap());
        let text = ApiKeyText::generate().unwrap();
        let stored = ApiKey {
            id: text.id().to_owned(),
            digest: text.digest(),
            label: "bench".to_owned(),
            scope: ApiKeyScope::Operator,
            expires: LATER.parse().unwrap(),
            is_revoked: false,
            used: None,
        };
        let provider = OpenIdProvider::new("k1");
        let callers = TokenVerifier::new(&[key.public_bytes()], Caller::AUDIENCE, Caller::LONGEST, Caller::BYTES);
        Self {
            authenticator: Authenticator::new(Credentials {
                bootstrap: Some(BootstrapToken::new(BOOTSTRAP)),
                callers: Some(callers.unwrap()),
                jwt: Some(jwt_verifier(&provider)),
                sessions: Some(Arc::new(AnySession)),
                api_keys: Some(Arc::new(OneKey(stored))),
            }),
            caller: issuer.issue(&caller, Duration::from_secs(600)).unwrap(),
            api_key: text.expose().to_string(),
            jwt: jwt(&provider),
            session: SessionSecret::generate().unwrap(),
        }
    }

    async fn bearer(&self, token: &str) -> Result<Arc<Principal>, Problem> {
        self.authenticator.authenticate(Some(token)).await
    }

    /// Measures the authentication of principals that are cached.
    async fn costs(&self, figures: &mut Figures) {
        let bearers = [
            (
                "caller token, cached",
                "allocations of a cached caller token",
                self.caller.as_str(),
            ),
            ("API key, cached", "allocations of a cached API key", &self.api_key),
            (
                "JSON Web Token, cached",
                "allocations of a cached JSON Web Token",
                &self.jwt,
            ),
            ("bootstrap token", "allocations of a bootstrap token", BOOTSTRAP),
        ];
        for (name, count, token) in bearers {
            cost(figures, [name, count], || self.bearer(black_box(token))).await;
        }
        let names = ["session, cached", "allocations of a cached session"];
        cost(figures, names, || self.authenticator.session(black_box(&self.session))).await;
    }

    /// Compares the times of refusals of secrets that are wrong at the beginning and at the end.
    /// What a signature is compared with is no secret.
    async fn differences(&self, figures: &mut Figures) {
        for (name, token) in [
            ("|t| of API keys", self.api_key.as_str()),
            ("|t| of bootstrap tokens", BOOTSTRAP),
        ] {
            let guesses = [wrong(token, SECRET_DIGITS), wrong(token, 1)];
            let refused = async |token: &str| assert!(self.bearer(token).await.is_err());
            figures.add(
                name,
                difference(SAMPLES, guesses, refused).await,
                "",
                Target::AtMost(4.5),
            );
        }
    }
}

/// Compares the times in which the registry reports that an install does not exist: one of another
/// tenant, and none.
async fn existence(figures: &mut Figures) {
    let world = TestPlatform::new().await;
    let release = world.release("com.example.bench", "1.0.0", "answers_ok");
    world.publish(&release).await;
    let install = world.install("other", &release, &[]).await.ok();
    let ids = [install.id.to_string(), wrong(install.id.as_str(), 1)];
    let tenant = tenant_id("acme");
    let ask = async |id: &str| {
        let asked = world.operate(&alga_registry_types::show_install(&tenant, id)).await;
        assert_eq!(asked.code(), "not_found");
    };
    figures.add(
        "|t| of installs",
        difference(INSTALL_SAMPLES, ids, ask).await,
        "",
        Target::AtMost(4.5),
    );
}

async fn cost<F: Future<Output = Result<Arc<Principal>, Problem>>>(
    figures: &mut Figures,
    [name, count]: [&'static str; 2],
    authenticate: impl Fn() -> F,
) {
    authenticate().await.unwrap();
    let allocated = allocations::of_this_thread();
    let started = Instant::now();
    for _ in 0..AUTHENTICATIONS {
        black_box(authenticate().await.unwrap());
    }
    let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(AUTHENTICATIONS);
    let allocated = allocations::of_this_thread() - allocated;
    let allocated = allocated as f64 / f64::from(AUTHENTICATIONS);
    figures.add(name, each, "us", Target::AtMost(2.0));
    figures.add(count, allocated, "each", Target::AtMost(0.01));
}

fn jwt_verifier(provider: &OpenIdProvider) -> JwtVerifier {
    let settings = JwtSettings {
        issuer: "https://id.example.com".to_owned(),
        audience: "alga".to_owned(),
        algorithms: "EdDSA".parse().unwrap(),
        claims: "tenant=tenant_id,user=sub,access=access".parse().unwrap(),
        kinds: KindNames::default(),
    };
    let keys = Keys(provider.jwks().to_string().into_bytes());
    JwtVerifier::new(settings, Arc::new(keys), JwksTiming::default())
}

fn jwt(provider: &OpenIdProvider) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    provider.token(&json!({
        "iss": "https://id.example.com", "aud": "alga", "exp": now.unwrap().as_secs() + 3600,
        "sub": "user-1", "tenant_id": "acme", "access": "write",
    }))
}
