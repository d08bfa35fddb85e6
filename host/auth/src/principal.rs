use crate::{Caller, TenantRole, UserType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::sync::Arc;

/// The party that sends a request, whatever its credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Operator of the platform, named as in the audit log.
    Operator(String),
    /// Publisher of some extensions.
    Publisher(Publisher),
    /// User or service of one tenant.
    Tenant(TenantPrincipal),
}

/// User or service of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPrincipal {
    /// Name in the audit log: no user can have that of an API key.
    actor: String,
    /// The user or service, as extensions see it.
    caller: Arc<Caller>,
}

impl TenantPrincipal {
    /// Creates the principal of a user.
    #[must_use]
    pub fn user(caller: Caller) -> Self {
        Self {
            actor: format!("user:{}/{}", caller.tenant_id, caller.user_id),
            caller: Arc::new(caller),
        }
    }

    /// Creates the principal of a user of an OpenID provider, which is another user than one with
    /// the same id that a host application describes.
    pub(crate) fn of_provider(caller: Caller) -> Self {
        Self {
            actor: format!("oidc:{}/{}", caller.tenant_id, caller.user_id),
            caller: Arc::new(caller),
        }
    }

    /// Creates the principal of an API key.
    pub(crate) fn key(actor: String, caller: Caller) -> Self {
        Self {
            actor,
            caller: Arc::new(caller),
        }
    }

    /// Returns the user or service, as extensions see it.
    #[must_use]
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }
}

/// Publisher of extensions whose names match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Name of the publisher in the audit log.
    pub actor: String,
    /// Names of the extensions that it publishes.
    pub names: Vec<NamePattern>,
}

/// Kind of a principal, which determines its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// Operator of the platform.
    Operator,
    /// Publisher of some extensions.
    Publisher,
    /// Administrator of one tenant: its installs, grants, secrets and API keys.
    TenantAdministrator,
    /// Viewer of one tenant's installs.
    TenantViewer,
    /// Caller of one tenant's extensions.
    Caller,
}

impl PrincipalKind {
    /// All kinds, in the order of the table of rights.
    pub const ALL: [Self; 5] = [
        Self::Operator,
        Self::Publisher,
        Self::TenantAdministrator,
        Self::TenantViewer,
        Self::Caller,
    ];

    /// Returns the name in API keys, claims and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Publisher => "publisher",
            Self::TenantAdministrator => "tenant_administrator",
            Self::TenantViewer => "tenant_viewer",
            Self::Caller => "caller",
        }
    }

    /// True if principals of this kind belong to a tenant.
    #[must_use]
    pub const fn is_tenant(self) -> bool {
        matches!(self, Self::TenantAdministrator | Self::TenantViewer | Self::Caller)
    }
}

impl Display for PrincipalKind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Error of a text that names no kind of principal.
#[derive(Debug, thiserror::Error)]
#[error("a kind is `operator`, `publisher`, `tenant_administrator`, `tenant_viewer` or `caller`")]
pub struct UnknownKind;

impl FromStr for PrincipalKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or(UnknownKind)
    }
}

impl Principal {
    /// Returns the kind, which determines the rights.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        match self {
            Self::Operator(_) => PrincipalKind::Operator,
            Self::Publisher(_) => PrincipalKind::Publisher,
            Self::Tenant(tenant) => match (tenant.caller.role, tenant.caller.user_type) {
                // A customer of the tenant never manages the tenant.
                (_, UserType::Client) | (TenantRole::Caller, _) => PrincipalKind::Caller,
                (TenantRole::Viewer, _) => PrincipalKind::TenantViewer,
                (TenantRole::Administrator, _) => PrincipalKind::TenantAdministrator,
            },
        }
    }

    /// Returns the name of the principal in the audit log.
    #[must_use]
    pub fn actor(&self) -> &str {
        match self {
            Self::Operator(actor) => actor,
            Self::Publisher(publisher) => &publisher.actor,
            Self::Tenant(tenant) => &tenant.actor,
        }
    }
}

/// Name of an extension, or all names below a domain: `com.example.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

/// Error of a text that is no pattern of names.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is neither the name of an extension, such as com.example.hello, nor all below a domain, such as com.example.*"
)]
pub struct InvalidPattern(String);

impl NamePattern {
    /// Returns the pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if an extension with this name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            // The prefix ends with a dot, so that `com.example.*` does not match `com.examples.a`.
            Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
            None => name == self.0,
        }
    }
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let name = text.strip_suffix(".*").unwrap_or(text);
        match name.parse::<alga_bundle::ExtensionName>() {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(_) => Err(InvalidPattern(text.escape_default().to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_labels_only() {
        let matches = |pattern: &str, name| pattern.parse::<NamePattern>().unwrap().matches(name);
        assert!(matches("com.example.a", "com.example.a"));
        assert!(!matches("com.example.a", "com.example.ab"));
        assert!(matches("com.example.*", "com.example.a"));
        assert!(matches("com.example.*", "com.example.a.b"));
        for other in ["com.example", "com.example.", "com.examples.a", "org.example.a"] {
            assert!(!matches("com.example.*", other), "{other}");
        }
    }

    #[test]
    fn patterns_over_top_level_domains_or_parts_of_labels_are_refused() {
        for text in [
            "",
            "*",
            "com.*",
            "com.example.a*",
            "com.*.a",
            "com.example.**",
            "Com.Example.*",
            "a b",
        ] {
            assert!(text.parse::<NamePattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_client_user_is_never_more_than_a_caller() {
        let mut caller = Caller::developer("acme".parse().unwrap());
        caller.role = TenantRole::Administrator;
        let kind = |caller: &Caller| Principal::Tenant(TenantPrincipal::user(caller.clone())).kind();
        assert_eq!(kind(&caller), PrincipalKind::TenantAdministrator);
        caller.user_type = UserType::Client;
        assert_eq!(kind(&caller), PrincipalKind::Caller);
    }
}
