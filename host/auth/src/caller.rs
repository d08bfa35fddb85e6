use alga_bundle::TenantId;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// A user of a tenant, as the host application (AlgaPSA) describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// The tenant that the user belongs to and whose installs the user may call.
    pub tenant_id: TenantId,
    /// User id of 1 to 128 visible ASCII characters. Sent as a header to the host application and
    /// used as part of keys.
    #[serde(deserialize_with = "user_id")]
    pub user_id: String,
    /// The user's e-mail address.
    #[serde(default)]
    pub user_email: String,
    /// The user's display name.
    #[serde(default)]
    pub user_name: String,
    /// The kind of user.
    #[serde(default)]
    pub user_type: UserType,
    /// The user's access to extensions.
    #[serde(default)]
    pub access: Access,
    /// The user's role in the tenant, beyond calling its extensions.
    #[serde(default, skip_serializing_if = "TenantRole::is_caller")]
    pub role: TenantRole,
    /// The customer that a client user belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The name of that customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Further user attributes that the host application passes to extensions.
    #[serde(default)]
    pub additional_fields: BTreeMap<String, String>,
}

/// Reports whether `text` is a valid user id.
#[must_use]
pub fn is_user_id(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn user_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let rule = "a user id has 1 to 128 visible ASCII characters";
    is_user_id(&text)
        .then_some(text)
        .ok_or_else(|| serde::de::Error::custom(rule))
}

/// The kind of the calling user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// A member of the tenant's own staff.
    #[default]
    Internal,
    /// A customer of the tenant.
    Client,
}

/// The access of a user, from the permissions `extension:read` and `extension:write`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// No access to extensions.
    #[default]
    None,
    /// GET and HEAD requests only.
    Read,
    /// Requests with any method.
    Write,
}

impl Access {
    /// Returns the name in API keys and claims.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Error of a text that names no access.
#[derive(Debug, thiserror::Error)]
#[error("an access is `none`, `read` or `write`")]
pub struct UnknownAccess;

impl FromStr for Access {
    type Err = UnknownAccess;

    fn from_str(text: &str) -> Result<Self, UnknownAccess> {
        let found = [Self::None, Self::Read, Self::Write]
            .into_iter()
            .find(|access| access.as_str() == text);
        found.ok_or(UnknownAccess)
    }
}

/// Role of a user in its tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantRole {
    /// A caller of extensions.
    #[default]
    Caller,
    /// A viewer of installs and their executions, too.
    Viewer,
    /// An administrator of installs, grants, secrets and API keys, too.
    Administrator,
}

impl TenantRole {
    /// True for the role that needs no claim.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_caller(&self) -> bool {
        *self == Self::Caller
    }
}

impl Caller {
    /// The `aud` claim of caller tokens.
    pub const AUDIENCE: &'static str = "alga-gateway";
    /// Maximum lifetime of a token: a working day.
    pub const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
    /// Maximum bytes of a token. Its user data is smaller than what an execution accepts
    /// (`USER_BYTES`), so that no token is accepted here and refused there.
    pub const BYTES: usize = 16 * 1024;

    /// Returns the user assumed for requests without a token, if the operator has enabled that for
    /// development.
    #[must_use]
    pub fn developer(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            user_id: "developer".into(),
            user_email: String::new(),
            user_name: "Developer".into(),
            user_type: UserType::Internal,
            access: Access::Write,
            role: TenantRole::Caller,
            client_id: None,
            client_name: None,
            additional_fields: BTreeMap::new(),
        }
    }
}
