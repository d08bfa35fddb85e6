//! Rights of every kind of principal, in one table. The routes of each API name the right that they
//! need; OpenAPI documents and `host/docs/rights.md` are generated from both.

use crate::{Principal, PrincipalKind};
use alga_errors::{Code, Problem};

/// Permission that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Reading versions of extensions.
    ReadVersions,
    /// Publishing releases, with their uploads.
    Publish,
    /// Yanking, deprecating and revoking versions.
    Withdraw,
    /// Reading installs of a tenant with their executions.
    ReadInstalls,
    /// Changing installs of a tenant, their grants, terms and secrets.
    ManageInstalls,
    /// Listing, creating and revoking API keys of a tenant.
    ManageTenantKeys,
    /// Calling a tenant's extensions.
    Call,
    /// Operating the platform: revocation lists, audit log, garbage, metrics and API keys.
    Operate,
}

/// Extent of a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The kind of principal does not have the right.
    No,
    /// The right extends to the principal's own tenant, or own names of extensions.
    Own,
    /// The right extends to everything.
    All,
}
use Extent::{All, No, Own};

/// Object of an operation.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// The platform itself.
    Platform,
    /// An extension, by its name.
    Extension(&'a str),
    /// A tenant, by its id.
    Tenant(&'a str),
}

/// Reason why an operation is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The object belongs to another party, so the principal must not learn whether it exists.
    NotFound,
    /// The principal does not have the right.
    Forbidden,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotFound => Self::new(Code::NotFound, "there is no such tenant or extension"),
            Denied::Forbidden => Self::new(Code::Forbidden, "this credential does not have the right to do this"),
        }
    }
}

#[rustfmt::skip]
const TABLE: [(Right, [Extent; PrincipalKind::ALL.len()]); 8] = [
    //                        operator publisher administrator viewer caller
    (Right::ReadVersions,     [All,    Own,      All,          All,   No]),
    (Right::Publish,          [All,    Own,      No,           No,    No]),
    (Right::Withdraw,         [All,    Own,      No,           No,    No]),
    (Right::ReadInstalls,     [All,    No,       Own,          Own,   No]),
    (Right::ManageInstalls,   [All,    No,       Own,          No,    No]),
    (Right::ManageTenantKeys, [All,    No,       Own,          No,    No]),
    (Right::Call,             [No,     No,       Own,          Own,   Own]),
    (Right::Operate,          [All,    No,       No,           No,    No]),
];

impl Right {
    /// Returns all rights, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(right, _)| *right)
    }

    /// Returns the name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadVersions => "read versions",
            Self::Publish => "publish",
            Self::Withdraw => "withdraw",
            Self::ReadInstalls => "read installs",
            Self::ManageInstalls => "manage installs",
            Self::ManageTenantKeys => "manage tenant keys",
            Self::Call => "call",
            Self::Operate => "operate",
        }
    }

    /// Returns the extent of this right for a kind of principal.
    #[must_use]
    pub fn extent(self, kind: PrincipalKind) -> Extent {
        let mut cells = TABLE
            .iter()
            .filter(|(right, _)| *right == self)
            .flat_map(|(_, extents)| PrincipalKind::ALL.into_iter().zip(*extents));
        cells.find(|(other, _)| *other == kind).map_or(No, |(_, extent)| extent)
    }
}

impl Principal {
    /// Checks that this principal may perform an operation that needs `right` on an object.
    ///
    /// # Errors
    /// Returns [`Denied::NotFound`] for an object of another tenant or publisher, whether or not it
    /// exists and whatever the right is, and [`Denied::Forbidden`] if the principal does not have
    /// the right.
    pub fn check(&self, right: Right, object: Object<'_>) -> Result<(), Denied> {
        let extent = right.extent(self.kind());
        if extent != All && !self.may_know(object) {
            return Err(Denied::NotFound);
        }
        if extent == No { Err(Denied::Forbidden) } else { Ok(()) }
    }

    /// True unless the object belongs to another tenant or another publisher.
    fn may_know(&self, object: Object<'_>) -> bool {
        match (self, object) {
            (Self::Tenant(own), Object::Tenant(tenant)) => own.caller().tenant_id.as_str() == tenant,
            (Self::Publisher(publisher), Object::Extension(name)) => {
                publisher.names.iter().any(|pattern| pattern.matches(name))
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caller, Publisher, TenantPrincipal, TenantRole};

    fn tenant(role: TenantRole) -> Principal {
        let mut caller = Caller::developer("acme".parse().unwrap());
        caller.role = role;
        Principal::Tenant(TenantPrincipal::user(caller))
    }

    #[test]
    fn another_tenants_objects_are_not_found_whatever_the_right_is() {
        for role in [TenantRole::Caller, TenantRole::Viewer, TenantRole::Administrator] {
            for right in [Right::ReadInstalls, Right::ManageInstalls, Right::ManageTenantKeys] {
                let denied = tenant(role).check(right, Object::Tenant("globex"));
                assert_eq!(denied, Err(Denied::NotFound), "{role:?} {right:?}");
            }
        }
        let viewer = tenant(TenantRole::Viewer);
        assert!(viewer.check(Right::ReadInstalls, Object::Tenant("acme")).is_ok());
        let forbidden = viewer.check(Right::ManageInstalls, Object::Tenant("acme"));
        assert_eq!(forbidden, Err(Denied::Forbidden));
    }

    #[test]
    fn a_publisher_reaches_its_own_names_only() {
        let publisher = Principal::Publisher(Publisher {
            actor: "key:1".into(),
            names: vec!["com.example.*".parse().unwrap()],
        });
        for right in [Right::ReadVersions, Right::Withdraw] {
            assert!(publisher.check(right, Object::Extension("com.example.a")).is_ok());
            let other = publisher.check(right, Object::Extension("com.other.a"));
            assert_eq!(other, Err(Denied::NotFound));
        }
        let install = publisher.check(Right::ManageInstalls, Object::Tenant("acme"));
        assert_eq!(install, Err(Denied::Forbidden));
    }

    #[test]
    fn every_right_has_one_row() {
        let rights: std::collections::BTreeSet<_> = Right::all().collect();
        assert_eq!(rights.len(), TABLE.len());
        assert!(Right::all().all(|right| right.extent(PrincipalKind::Operator) == All || right == Right::Call));
    }
}
