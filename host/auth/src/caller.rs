use alga_bundle::TenantId;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A user of a tenant, as the product knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// The tenant that the user belongs to, and whose installs it reaches.
    pub tenant_id: TenantId,
    /// The user: 1 to 128 visible ASCII characters. It becomes a header of calls of the product, and a part of keys.
    #[serde(deserialize_with = "user_id")]
    pub user_id: String,
    /// Its address.
    #[serde(default)]
    pub user_email: String,
    /// Its name.
    #[serde(default)]
    pub user_name: String,
    /// What kind of user.
    #[serde(default)]
    pub user_type: UserType,
    /// What it may do with extensions.
    #[serde(default)]
    pub access: Access,
    /// The customer that a client user belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// That customer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Anything else that the product wants extensions to know.
    #[serde(default)]
    pub additional_fields: BTreeMap<String, String>,
}

/// Whether a text is a user's id.
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

/// What kind of user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// Works for the tenant.
    #[default]
    Internal,
    /// Is a customer of the tenant.
    Client,
}

/// `extension:read` and `extension:write`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Neither.
    #[default]
    None,
    /// GET and HEAD.
    Read,
    /// Every method.
    Write,
}

impl Caller {
    /// Whom the token is for.
    pub const AUDIENCE: &'static str = "alga-gateway";
    /// How long a token may be valid: a working day.
    pub const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
    /// Bytes of such a token. What it says of its user is less than an execution takes of it (`USER_BYTES`), so that no token is accepted here and
    /// refused there.
    pub const BYTES: usize = 16 * 1024;

    /// The user that requests without a token are, where the operator has said so for development.
    #[must_use]
    pub fn developer(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            user_id: "developer".into(),
            user_email: String::new(),
            user_name: "Developer".into(),
            user_type: UserType::Internal,
            access: Access::Write,
            client_id: None,
            client_name: None,
            additional_fields: BTreeMap::new(),
        }
    }
}
