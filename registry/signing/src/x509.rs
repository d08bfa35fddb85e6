//! Verification of signing certificates: a chain to a root that the operator trusts, for code
//! signing, valid at the trusted time, not revoked, with exactly one name.

use crate::key::VerifyingKey;
use jiff::Timestamp;
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
};
use std::time::Duration;
use webpki::{
    CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList, RevocationOptionsBuilder,
    anchor_from_trusted_cert, ring,
};
use x509_cert::Certificate;
use x509_cert::der::oid::db::rfc5280::ID_KP_CODE_SIGNING;
use x509_cert::der::{Decode, DecodePem, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};

/// The maximum number of certificates of a chain without its root. Real chains have one or two.
const CHAIN: usize = 5;
/// The object identifier id-kp-codeSigning (RFC 5280, 4.2.1.12) without its tag.
const CODE_SIGNING: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 3];

/// The accepted signature algorithms of certificates. RSA below 2048 bits and SHA-1 are not in this
/// list.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P384_SHA384,
    ring::ED25519,
    ring::RSA_PKCS1_2048_8192_SHA256,
    ring::RSA_PKCS1_2048_8192_SHA384,
    ring::RSA_PKCS1_2048_8192_SHA512,
];

/// An error of verifying a certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are not a certificate, or not a chain.
    #[error("{0}")]
    Form(String),
    /// The chain has no path to a trusted root that is valid for code signing at the trusted time.
    #[error("the chain does not verify: {0}")]
    Path(#[from] webpki::Error),
    /// The certificate has no name, another name, or several names.
    #[error("its names are {found:?}; it must have exactly the name `{expected}`")]
    Identity {
        /// The trusted name.
        expected: String,
        /// The certificate's names.
        found: Vec<String>,
    },
    /// The signature is not by the certificate's key.
    #[error("the signature is not by the certificate's key")]
    Signature,
}

/// A private certificate authority that the operator trusts.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    anchors: Vec<TrustAnchor<'static>>,
    revocation_lists: Vec<OwnedCertRevocationList>,
}

impl Authority {
    /// Reads roots and revocation lists, both as PEM.
    pub(crate) fn from_pem(roots: &[String], revocation_lists: &[String]) -> Result<Self, CertificateError> {
        let anchor = |pem: &String| {
            let root = Certificate::from_pem(pem).and_then(|root| root.to_der());
            let der =
                root.map_err(|error| CertificateError::Form(format!("a root is not a PEM certificate: {error}")))?;
            Ok::<_, CertificateError>(anchor_from_trusted_cert(&CertificateDer::from(der))?.to_owned())
        };
        let list = |pem: &String| {
            use rustls_pki_types::pem::PemObject;
            let der = CertificateRevocationListDer::from_pem_slice(pem.as_bytes());
            let der = der.map_err(|error| CertificateError::Form(format!("a revocation list is not PEM: {error}")))?;
            Ok::<_, CertificateError>(OwnedCertRevocationList::from_der(&der)?)
        };
        Ok(Self {
            anchors: roots.iter().map(anchor).collect::<Result<_, _>>()?,
            revocation_lists: revocation_lists.iter().map(list).collect::<Result<_, _>>()?,
        })
    }

    /// Verifies that `identity` signed `message` with the key of the first certificate of `chain`.
    pub(crate) fn verify(
        &self,
        chain: &[Vec<u8>],
        identity: &str,
        message: &[u8],
        signature: &[u8],
        at: Timestamp,
    ) -> Result<(), CertificateError> {
        let form = || CertificateError::Form(format!("a chain has 1 to {CHAIN} certificates"));
        let (first, rest) = chain
            .split_first()
            .filter(|(_, rest)| rest.len() < CHAIN)
            .ok_or_else(form)?;
        self.verify_path(first, rest, at)?;
        let certificate = Certificate::from_der(first).map_err(|error| CertificateError::Form(error.to_string()))?;
        if !is_for_code_signing(&certificate) {
            return Err(CertificateError::Form(
                "its certificate is not for code signing".to_owned(),
            ));
        }
        let found = names(&certificate)?;
        if found != [identity] {
            let expected = identity.to_owned();
            return Err(CertificateError::Identity { expected, found });
        }
        let key = certificate.tbs_certificate.subject_public_key_info.to_der();
        let key = key.ok().and_then(|der| VerifyingKey::from_der(&der).ok());
        match key {
            Some(key) if key.verifies(message, signature) => Ok(()),
            _ => Err(CertificateError::Signature),
        }
    }

    fn verify_path(&self, first: &[u8], rest: &[Vec<u8>], at: Timestamp) -> Result<(), CertificateError> {
        let first = CertificateDer::from(first);
        let rest: Vec<_> = rest.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let lists: Vec<CertRevocationList<'static>> = self.revocation_lists.iter().cloned().map(Into::into).collect();
        let lists: Vec<_> = lists.iter().collect();
        // With lists, a certificate that no current list covers is refused.
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            builder
                .with_expiration_policy(webpki::ExpirationPolicy::Enforce)
                .build()
        });
        let time = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().unsigned_abs()));
        // CA certificates need not specify an extended key usage; the signer's own certificate must
        // (see `is_for_code_signing`).
        let usage = KeyUsage::required_if_present(CODE_SIGNING);
        EndEntityCert::try_from(&first)?.verify_for_usage(
            ALGORITHMS,
            &self.anchors,
            &rest,
            time,
            usage,
            revocation,
            None,
        )?;
        Ok(())
    }
}

fn is_for_code_signing(certificate: &Certificate) -> bool {
    let usage = certificate.tbs_certificate.get::<ExtendedKeyUsage>();
    usage.is_ok_and(|usage| usage.is_some_and(|(_, usage)| usage.0.contains(&ID_KP_CODE_SIGNING)))
}

/// Returns the subject alternative names. A name of an unsupported kind is replaced by the text
/// `(of another kind)`.
fn names(certificate: &Certificate) -> Result<Vec<String>, CertificateError> {
    let form = |error: x509_cert::der::Error| CertificateError::Form(error.to_string());
    let names = certificate.tbs_certificate.get::<SubjectAltName>().map_err(form)?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let text = |name: &GeneralName| match name {
        GeneralName::Rfc822Name(name) => name.to_string(),
        GeneralName::DnsName(name) => name.to_string(),
        GeneralName::UniformResourceIdentifier(name) => name.to_string(),
        _ => "(of another kind)".to_owned(),
    };
    Ok(names.iter().map(text).collect())
}

/// Returns the DER certificates of a PEM file, in its order.
///
/// # Errors
/// Returns [`CertificateError::Form`] if the file contains no certificate, or anything else.
pub fn certificates_of(pem: &[u8]) -> Result<Vec<Vec<u8>>, CertificateError> {
    let form = |error: &dyn std::fmt::Display| CertificateError::Form(format!("not PEM certificates: {error}"));
    // x509-cert 0.2.5 subtracts from the length of an empty text and panics.
    let chain = match pem.trim_ascii() {
        b"" => Vec::new(),
        pem => Certificate::load_pem_chain(pem).map_err(|error| form(&error))?,
    };
    if chain.is_empty() {
        return Err(form(&"the text contains no certificate"));
    }
    let chain: Result<Vec<_>, _> = chain.iter().map(Encode::to_der).collect();
    chain.map_err(|error| form(&error))
}

#[cfg(test)]
mod tests {
    use super::{CertificateError, certificates_of};

    #[test]
    fn a_text_without_a_certificate_is_refused_and_does_not_panic() {
        for text in ["", "\n", "\r\n\n", " ", "x", "-----BEGIN CERTIFICATE-----\n"] {
            let refused = certificates_of(text.as_bytes());
            assert!(
                matches!(refused, Err(CertificateError::Form(_))),
                "{text:?}: {refused:?}"
            );
        }
    }
}
