//! The principal that the claims of a token describe.

use super::JwtError;
use crate::{Access, Caller, Principal, PrincipalKind, TenantPrincipal, TenantRole, UserType, is_user_id};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Error of a mapping in the configuration.
#[derive(Debug, thiserror::Error)]
#[error("`{entry}`: {reason}")]
pub struct MappingError {
    entry: String,
    reason: &'static str,
}

/// Names of claims, written `tenant=tenant_id,user=sub,…`. A name that begins with `/` is a JSON
/// pointer (RFC 6901) to a nested claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames(BTreeMap<String, String>);

/// Properties of a principal that claims can have.
const PROPERTIES: [&str; 9] = [
    "tenant",
    "user",
    "email",
    "name",
    "type",
    "access",
    "kind",
    "client_id",
    "client_name",
];

impl FromStr for ClaimNames {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let names = mapping(text)?;
        let unknown = names.keys().find(|property| !PROPERTIES.contains(&property.as_str()));
        match unknown {
            Some(property) => Err(MappingError {
                entry: property.escape_default().to_string(),
                reason: "not a property; they are tenant, user, email, name, type, access, kind, client_id and client_name",
            }),
            None => Ok(Self(names)),
        }
    }
}

/// Values of the claim `kind`, written `value=kind,…`. Without one, the values are the names of the
/// tenant's kinds; operators must be mapped explicitly, because every tenant may administer users
/// at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KindNames(BTreeMap<String, PrincipalKind>);

impl FromStr for KindNames {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let mut kinds = BTreeMap::new();
        for (value, kind) in mapping(text)? {
            let error = |reason| MappingError {
                entry: format!("{}={}", value.escape_default(), kind.escape_default()),
                reason,
            };
            let kind: PrincipalKind = kind.parse().map_err(|_| error("not a kind of principal"))?;
            if kind == PrincipalKind::Publisher {
                return Err(error("a publisher authenticates with an API key, which has its names"));
            }
            kinds.insert(value.clone(), kind);
        }
        Ok(Self(kinds))
    }
}

fn mapping(text: &str) -> Result<BTreeMap<String, String>, MappingError> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let split = entries.map(|entry| {
        let pair = entry
            .split_once('=')
            .filter(|(name, value)| !name.is_empty() && !value.is_empty());
        let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pair.ok_or_else(|| MappingError {
            entry: entry.escape_default().to_string(),
            reason: "the form is name=value",
        })
    });
    split.collect()
}

impl KindNames {
    /// Returns the kind with the most rights that the values name.
    fn of(&self, values: &[&str]) -> PrincipalKind {
        let kind = |value: &&str| match self.0.get(*value) {
            Some(kind) => Some(*kind),
            None if self.0.is_empty() => value.parse().ok().filter(|kind: &PrincipalKind| kind.is_tenant()),
            None => None,
        };
        values.iter().filter_map(kind).min().unwrap_or(PrincipalKind::Caller)
    }
}

impl ClaimNames {
    fn claim<'a>(&self, property: &str, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let name = self.0.get(property)?;
        match name.strip_prefix('/') {
            None => claims.get(name),
            Some(path) => {
                let (first, rest) = path
                    .split_once('/')
                    .map_or((path, None), |(first, rest)| (first, Some(rest)));
                let first = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
                rest.map_or(Some(first), |rest| first.pointer(&format!("/{rest}")))
            }
        }
    }

    fn text<'a>(&self, property: &str, claims: &'a Map<String, Value>) -> Option<&'a str> {
        self.claim(property, claims)?.as_str()
    }

    /// Returns the values of a claim that is a list, or a text with values separated by spaces.
    fn values<'a>(&self, property: &str, claims: &'a Map<String, Value>) -> Vec<&'a str> {
        match self.claim(property, claims) {
            Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the principal that verified claims describe.
    pub(super) fn principal(&self, claims: &Map<String, Value>, kinds: &KindNames) -> Result<Principal, JwtError> {
        let user = self.text("user", claims).filter(|user| is_user_id(user));
        let user = user.ok_or_else(|| JwtError::Claims("the user is not 1 to 128 visible ASCII characters".into()))?;
        let kind = kinds.of(&self.values("kind", claims));
        let role = match kind {
            PrincipalKind::Operator => return Ok(Principal::Operator(format!("oidc:{user}"))),
            PrincipalKind::TenantAdministrator => TenantRole::Administrator,
            PrincipalKind::TenantViewer => TenantRole::Viewer,
            PrincipalKind::Publisher | PrincipalKind::Caller => TenantRole::Caller,
        };
        let tenant = self.text("tenant", claims).and_then(|tenant| tenant.parse().ok());
        let tenant = tenant.ok_or_else(|| JwtError::Claims("the tenant is missing or not a tenant's id".into()))?;
        let owned = |property| self.text(property, claims).map(ToOwned::to_owned);
        Ok(Principal::Tenant(TenantPrincipal::of_provider(Caller {
            tenant_id: tenant,
            user_id: user.to_owned(),
            user_email: owned("email").unwrap_or_default(),
            user_name: owned("name").unwrap_or_default(),
            user_type: self.user_type(claims),
            access: access(&self.values("access", claims)),
            role,
            client_id: owned("client_id"),
            client_name: owned("client_name"),
            additional_fields: BTreeMap::new(),
        })))
    }

    /// Returns the kind of user. Where the provider distinguishes customers of a tenant, a user
    /// that it does not describe is one.
    fn user_type(&self, claims: &Map<String, Value>) -> UserType {
        match (self.0.contains_key("type"), self.text("type", claims)) {
            (false, _) | (true, Some("internal")) => UserType::Internal,
            (true, _) => UserType::Client,
        }
    }
}

/// Returns the highest access that the values name.
fn access(values: &[&str]) -> Access {
    let level = |value: &&str| match *value {
        "write" | "extension:write" => Access::Write,
        "read" | "extension:read" => Access::Read,
        _ => Access::None,
    };
    values.iter().map(level).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn principal(names: &str, kinds: &str, claims: &Value) -> Result<Principal, JwtError> {
        let (names, kinds): (ClaimNames, KindNames) = (names.parse().unwrap(), kinds.parse().unwrap());
        names.principal(claims.as_object().unwrap(), &kinds)
    }

    const NAMES: &str = "tenant=/app/tenant,user=sub,access=scope,kind=https://example.com/roles";

    #[test]
    fn nested_and_prefixed_claims_describe_a_user() {
        let claims = json!({
            "sub": "auth0|1", "app": { "tenant": "acme" }, "scope": "openid extension:read",
            "https://example.com/roles": ["x", "tenant_viewer", "tenant_administrator"],
        });
        let Principal::Tenant(tenant) = principal(NAMES, "", &claims).unwrap() else {
            panic!("not a tenant's principal");
        };
        let caller = tenant.caller();
        assert_eq!(
            (caller.tenant_id.as_str(), caller.user_id.as_str()),
            ("acme", "auth0|1")
        );
        assert_eq!((caller.access, caller.role), (Access::Read, TenantRole::Administrator));
    }

    #[test]
    fn an_operator_must_be_mapped_explicitly() {
        let claims = json!({ "sub": "1", "app": { "tenant": "acme" }, "https://example.com/roles": "operator" });
        let kind = |kinds: &str| principal(NAMES, kinds, &claims).unwrap().kind();
        assert_eq!(kind(""), PrincipalKind::Caller);
        assert_eq!(kind("other=operator"), PrincipalKind::Caller);
        assert_eq!(kind("operator=operator"), PrincipalKind::Operator);
        assert!("a=publisher".parse::<KindNames>().is_err());
    }

    #[test]
    fn claims_of_the_wrong_form_describe_no_principal() {
        for claims in [
            json!({ "app": { "tenant": "acme" } }),
            json!({ "sub": "", "app": { "tenant": "acme" } }),
            json!({ "sub": "a b", "app": { "tenant": "acme" } }),
            json!({ "sub": 1, "app": { "tenant": "acme" } }),
            json!({ "sub": "1" }),
            json!({ "sub": "1", "app": "acme" }),
            json!({ "sub": "1", "app": { "tenant": ["acme"] } }),
            json!({ "sub": "1", "app": { "tenant": "" } }),
        ] {
            assert!(principal(NAMES, "", &claims).is_err(), "{claims}");
        }
    }

    #[test]
    fn a_user_of_an_unknown_type_is_a_client() {
        let user_type = |claims: Value| match principal("tenant=t,user=sub,type=type", "", &claims).unwrap() {
            Principal::Tenant(tenant) => tenant.caller().user_type,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            user_type(json!({ "sub": "1", "t": "acme", "type": "internal" })),
            UserType::Internal
        );
        assert_eq!(
            user_type(json!({ "sub": "1", "t": "acme", "type": "staff" })),
            UserType::Client
        );
        assert_eq!(user_type(json!({ "sub": "1", "t": "acme" })), UserType::Client);
    }
}
