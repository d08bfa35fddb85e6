//! Changes to the trust bundle. A change is not written if a server would refuse the result.

use crate::files::{read, write};
use crate::outcome::{CliError, ErrorContext, Outcome};
use crate::printer::Printer;
use alga_bundle::PublisherName;
use alga_signing::{
    KeylessRoot, SigningKey, TrustBundle, TrustFile, TrustedAuthority, TrustedCertificate, TrustedIdentity, TrustedKey,
    TrustedSigstore, VerifyingKey,
};
use clap::Args;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Key {
    /// Publisher whose releases the key may sign
    #[arg(long)]
    publisher: PublisherName,
    /// Public key, also from cosign, or a private key whose public half is used (PEM)
    file: PathBuf,
}

#[derive(Args)]
pub(crate) struct Retirement {
    /// Publisher of the key
    #[arg(long)]
    publisher: PublisherName,
    /// Id of the key, as printed by `alga trust show`
    key: String,
    /// Time from which the key is not trusted (default: now)
    #[arg(long)]
    at: Option<Timestamp>,
}

#[derive(Args)]
pub(crate) struct AuthorityFiles {
    /// Name that rules refer to
    #[arg(long)]
    name: String,
    /// Root certificate (PEM); repeat for more
    #[arg(long = "root", required = true)]
    roots: Vec<PathBuf>,
    /// Certificate revocation list (PEM); repeat for more. With one, certificates that no current
    /// list covers are refused
    #[arg(long = "revocation-list")]
    revocation_lists: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CertificateRule {
    /// Publisher that may use this signer
    #[arg(long)]
    publisher: PublisherName,
    /// Name of the certificate authority in the trust bundle
    #[arg(long)]
    authority: String,
    /// Exact and only name in the certificate: email address, DNS name or URI
    #[arg(long)]
    identity: String,
}

#[derive(Args)]
pub(crate) struct IdentityRule {
    /// Publisher that may use this signer
    #[arg(long)]
    publisher: PublisherName,
    /// Name of the sigstore deployment in the trust bundle
    #[arg(long, default_value = "public")]
    sigstore: String,
    /// Exact URL of the OIDC issuer of the identity
    #[arg(long)]
    issuer: String,
    /// Exact email address, or the exact URI of a workflow
    #[arg(long)]
    identity: String,
}

impl Key {
    pub(crate) fn apply(&self, trust: &mut TrustFile) -> Outcome {
        trust
            .add_key(&self.publisher, &public_key(&self.file)?)
            .internal_error("adding a key")
    }
}

impl Retirement {
    pub(crate) fn apply(&self, trust: &mut TrustFile) -> Outcome {
        let keys = &mut trust.publisher(&self.publisher).keys;
        let Some(key) = keys.iter_mut().find(|key| id_of(key) == self.key) else {
            let failed = CliError::user(format!("`{}` has no key {}", self.publisher, self.key));
            return Err(failed.with_hint("`alga trust show` lists the keys"));
        };
        key.not_after = Some(self.at.unwrap_or_else(Timestamp::now));
        Ok(())
    }
}

impl AuthorityFiles {
    pub(crate) fn apply(&self, trust: &mut TrustFile) -> Outcome {
        let texts = |paths: &[PathBuf]| -> Outcome<Vec<String>> { paths.iter().map(|path| text(path)).collect() };
        trust.authorities.push(TrustedAuthority {
            name: self.name.clone(),
            roots: texts(&self.roots)?,
            revocation_lists: texts(&self.revocation_lists)?,
        });
        Ok(())
    }
}

impl CertificateRule {
    pub(crate) fn apply(&self, trust: &mut TrustFile) -> Outcome {
        trust.publisher(&self.publisher).certificates.push(TrustedCertificate {
            authority: self.authority.clone(),
            identity: self.identity.clone(),
        });
        Ok(())
    }
}

impl IdentityRule {
    pub(crate) fn apply(&self, trust: &mut TrustFile) -> Outcome {
        trust.publisher(&self.publisher).keyless.push(TrustedIdentity {
            sigstore: self.sigstore.clone(),
            issuer: self.issuer.clone(),
            identity: self.identity.clone(),
        });
        Ok(())
    }
}

pub(crate) fn add_root(trust: &mut TrustFile, name: &str, path: &Path) -> Outcome {
    let text = text(path)?;
    KeylessRoot::from_json(&text).user_error(&path.display().to_string())?;
    trust.sigstore_roots.push(TrustedSigstore {
        name: name.to_owned(),
        trusted_root: serde_json::from_str(&text).user_error(&path.display().to_string())?,
    });
    Ok(())
}

pub(crate) fn add_revocation_key(trust: &mut TrustFile, path: &Path) -> Outcome {
    let pem = public_key(path)?.to_pem().internal_error("writing a key")?;
    trust.revocation_keys.push(pem);
    Ok(())
}

/// Reads the bundle or starts an empty one, applies the change, validates the result as a server
/// would, and writes it.
pub(crate) fn change(path: &Path, printer: &Printer, apply: impl FnOnce(&mut TrustFile) -> Outcome) -> Outcome {
    let mut file = if path.exists() {
        open(path)?
    } else {
        TrustFile::default()
    };
    apply(&mut file)?;
    if !file.publishers.is_empty() {
        TrustBundle::from_file(&file).user_error("a server would refuse the trust bundle")?;
    }
    let json = file.to_json().internal_error("writing a trust bundle")?;
    write(path, format!("{json}\n").as_bytes())?;
    print(&file, printer);
    Ok(())
}

pub(crate) fn show(path: &Path, printer: &Printer) -> Outcome {
    print(&open(path)?, printer);
    Ok(())
}

fn open(path: &Path) -> Outcome<TrustFile> {
    TrustFile::parse(&read(path, "`alga keygen` writes one")?).user_error(&path.display().to_string())
}

fn print(file: &TrustFile, printer: &Printer) {
    let facts = serde_json::to_value(file).unwrap_or_default();
    printer.output(&facts, || {
        let mut lines = Vec::new();
        for publisher in &file.publishers {
            lines.push(publisher.name.to_string());
            lines.extend(
                publisher
                    .keys
                    .iter()
                    .map(|key| format!("  key {}{}", id_of(key), validity(key))),
            );
            let certificates = publisher.certificates.iter();
            lines.extend(certificates.map(|rule| format!("  certificate {} {}", rule.authority, rule.identity)));
            lines.extend(
                publisher
                    .keyless
                    .iter()
                    .map(|rule| format!("  keyless {} {} {}", rule.sigstore, rule.issuer, rule.identity)),
            );
        }
        let authority = |authority: &TrustedAuthority| {
            format!(
                "authority {}, {} revocation lists",
                authority.name,
                authority.revocation_lists.len()
            )
        };
        lines.extend(file.authorities.iter().map(authority));
        lines.push(format!(
            "sigstore deployments: {}; keys that sign revocation lists: {}",
            file.sigstore_roots.len(),
            file.revocation_keys.len()
        ));
        lines.join("\n")
    });
}

fn validity(key: &TrustedKey) -> String {
    let from = key.not_before.map(|time| format!(" from {time}")).unwrap_or_default();
    let until = key.not_after.map(|time| format!(" until {time}")).unwrap_or_default();
    format!("{from}{until}")
}

fn id_of(key: &TrustedKey) -> String {
    VerifyingKey::from_pem(&key.public_key).map_or_else(|_| "(unreadable)".to_owned(), |key| key.id().to_string())
}

pub(crate) fn text(path: &Path) -> Outcome<String> {
    Ok(String::from_utf8_lossy(&read(path, "")?).into_owned())
}

fn public_key(path: &Path) -> Outcome<VerifyingKey> {
    let pem = text(path)?;
    match SigningKey::from_pem(&pem) {
        Ok(private) => Ok(private.verifying_key()),
        Err(_) => VerifyingKey::from_pem(&pem).user_error(&path.display().to_string()),
    }
}
