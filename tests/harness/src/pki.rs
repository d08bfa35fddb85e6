//! Private certificate authority that issues valid certificates and every kind of invalid one.

use alga_signing::SigningKey;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, CustomExtension,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

/// Private certificate authority (CA).
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// Properties of a certificate to issue; the default is a valid one for `releases@example.com`,
/// valid from 2020 to 2040.
pub struct CertificateRequest<'a> {
    /// Subject alternative names; the form of each decides whether it is a mail address, a DNS name
    /// or a URI.
    pub names: &'a [&'a str],
    /// Extended key usages: code signing, server authentication, or none.
    pub usages: &'a [ExtendedKeyUsagePurpose],
    /// First and last year of the validity period.
    pub years: (i32, i32),
    /// True if the certificate may sign other certificates.
    pub is_authority: bool,
    /// Serial number of the certificate.
    pub serial: u64,
    /// Fulcio extension that names the OIDC issuer.
    pub oidc_issuer: Option<&'a str>,
}

impl Default for CertificateRequest<'_> {
    fn default() -> Self {
        Self {
            names: &["releases@example.com"],
            usages: &[ExtendedKeyUsagePurpose::CodeSigning],
            years: (2020, 2040),
            is_authority: false,
            serial: 7,
            oidc_issuer: None,
        }
    }
}

impl CertificateRequest<'_> {
    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("release signer");
        params.subject_alt_names = self.names.iter().map(|name| alternative_name(name)).collect();
        params.extended_key_usages = self.usages.to_vec();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        params.serial_number = Some(SerialNumber::from(self.serial));
        params.use_authority_key_identifier_extension = true;
        if self.is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params.custom_extensions = self.oidc_issuer.map(fulcio_issuer).into_iter().collect();
        params
    }
}

/// Builds the extension 1.3.6.1.4.1.57264.1.8, whose value is a DER string.
fn fulcio_issuer(issuer: &str) -> CustomExtension {
    let mut content = vec![0x0c, u8::try_from(issuer.len()).unwrap()];
    content.extend_from_slice(issuer.as_bytes());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 57264, 1, 8], content)
}

fn alternative_name(name: &str) -> SanType {
    if name.contains("://") {
        SanType::URI(name.try_into().unwrap())
    } else if name.contains('@') {
        SanType::Rfc822Name(name.try_into().unwrap())
    } else {
        SanType::DnsName(name.try_into().unwrap())
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

impl Authority {
    /// Creates a root certificate authority.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let (params, key) = (authority_params(name), KeyPair::generate().unwrap());
        let certificate = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, certificate }
    }

    /// Creates an intermediate certificate authority signed by this one; `change` may make it
    /// invalid.
    #[must_use]
    pub fn intermediate(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (mut params, key) = (authority_params(name), KeyPair::generate().unwrap());
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let issuer = Issuer::new(params, key);
        Self { issuer, certificate }
    }

    /// Issues a certificate for a key, as DER.
    #[must_use]
    pub fn issue(&self, key: &SigningKey, request: &CertificateRequest<'_>) -> Vec<u8> {
        let key = KeyPair::from_pem(&key.to_pem().unwrap()).unwrap();
        request.params().signed_by(&key, &self.issuer).unwrap().der().to_vec()
    }

    /// Returns a list of revoked serial numbers (PEM) that is current until the given year.
    #[must_use]
    pub fn revocation_list(&self, serials: &[u64], until: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// Returns the certificate of this authority, as DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }

    /// Returns the certificate of this authority, as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }
}

/// Creates a certificate that is signed only by its own key, as DER.
#[must_use]
pub fn self_signed(key: &SigningKey, request: &CertificateRequest<'_>) -> Vec<u8> {
    let key = KeyPair::from_pem(&key.to_pem().unwrap()).unwrap();
    request.params().self_signed(&key).unwrap().der().to_vec()
}
