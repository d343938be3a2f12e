//! Parses certificate files in every form in which systems write them.
//!
//! PEM with text around its blocks, in UTF-8 or UTF-16, with any line endings or none, with OpenSSL's trust settings; DER
//! with one or several certificates. A block that can't be parsed does not affect the others.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Accepts base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// The object identifier of PKCS#7 `signedData`, in DER.
const PKCS7: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// The object identifier of PKCS#7 `data`, with which a PKCS#12 file begins, in DER.
const PKCS7_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

/// The certificates in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// The certificates that can be trusted.
    pub(crate) usable: Vec<CertificateDer<'static>>,
    /// The others: the position of the certificate in the file, from 1, and the reason.
    pub(crate) unusable: Vec<(usize, Unusable)>,
}

/// Why a certificate can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// Its end is missing.
    #[error("is cut off")]
    CutOff,
    /// It is not valid base64.
    #[error("is damaged")]
    Damaged,
    /// It is not a certificate, or TLS can't use its version or content.
    #[error("is no certificate that TLS can use")]
    NoCertificate,
}

/// Why a file holds no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoCertificates {
    /// The file is empty.
    #[error("it is empty")]
    Empty,
    /// It is a PKCS#7 container: `.p7b`, `.p7c`.
    #[error(
        "it is a PKCS#7 container (.p7b). Export the certificate as “Base-64 encoded X.509 (.CER)”, or convert it: openssl pkcs7 \
         -print_certs -in FILE -out certificates.pem (with -inform DER if it is binary)"
    )]
    Pkcs7,
    /// It is a PKCS#12 container: `.pfx`, `.p12`.
    #[error(
        "it is a PKCS#12 container (.pfx, .p12), which can hold a private key. Export the certificate alone, as “Base-64 encoded \
         X.509 (.CER)”"
    )]
    Pkcs12,
    /// It is a private key.
    #[error("it holds a private key and no certificate. Name the certificate of the authority instead")]
    PrivateKey,
    /// It is a certificate request.
    #[error("it holds a request for a certificate, not the certificate. Name the certificate of the authority instead")]
    Request,
    /// It is something else.
    #[error("it holds no certificate. It must hold X.509 certificates in PEM or DER form (.pem, .crt, .cer)")]
    None,
}

/// Parses a file's certificates.
pub(crate) fn read(bytes: &[u8]) -> Result<Certificates, NoCertificates> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(NoCertificates::Empty);
    }
    let text = text(bytes);
    if text.contains("-----BEGIN ") {
        return of_pem(&text);
    }
    if bytes.first() == Some(&0x30) {
        return of_der(bytes);
    }
    // Base64 without PEM lines around it, of DER or of PEM.
    match decoded(&text) {
        Some(inner) if inner.starts_with(b"-----BEGIN ") => of_pem(&String::from_utf8_lossy(&inner)),
        Some(inner) if inner.first() == Some(&0x30) => of_der(&inner),
        _ => Err(NoCertificates::None),
    }
}

/// Decodes a file as text: without its byte order mark, and from UTF-16 if it is that.
fn text(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        String::from_utf16_lossy(&bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect::<Vec<u16>>())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [first, 0, ..] if *first != 0 => wide(bytes, u16::from_le_bytes),
        [0, first, ..] if *first != 0 => wide(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn of_pem(text: &str) -> Result<Certificates, NoCertificates> {
    let (mut found, mut other) = (Certificates::default(), NoCertificates::None);
    let mut number = 0;
    for block in text.split("-----BEGIN ").skip(1) {
        let Some((label, rest)) = block.split_once("-----") else { continue };
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {}
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => other = NoCertificates::Pkcs7,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => other = NoCertificates::Request,
            _ if label.ends_with("PRIVATE KEY") => other = NoCertificates::PrivateKey,
            _ => {}
        }
        if !label.ends_with("CERTIFICATE") {
            continue;
        }
        number += 1;
        let certificate = match rest.split_once("-----END ") {
            None => Err(Unusable::CutOff),
            Some((body, _)) => decoded(body).ok_or(Unusable::Damaged).and_then(|der| {
                // OpenSSL's trust settings follow the certificate.
                let length = length(&der).ok_or(Unusable::CutOff)?;
                usable(der.get(..length).ok_or(Unusable::CutOff)?)
            }),
        };
        match certificate {
            Ok(certificate) => found.usable.push(certificate),
            Err(why) => found.unusable.push((number, why)),
        }
    }
    if number == 0 { Err(other) } else { Ok(found) }
}

fn of_der(bytes: &[u8]) -> Result<Certificates, NoCertificates> {
    let begins_with = |id: &[u8], within: usize| {
        let beginning = bytes.get(..within.min(bytes.len())).unwrap_or_default();
        beginning.windows(id.len()).any(|part| part == id)
    };
    if begins_with(PKCS7, 24) {
        return Err(NoCertificates::Pkcs7);
    }
    if begins_with(PKCS7_DATA, 40) {
        return Err(NoCertificates::Pkcs12);
    }
    let (mut found, mut rest, mut number) = (Certificates::default(), bytes, 0);
    // Ignore bytes that an editor or a transfer appended.
    while rest.first() == Some(&0x30) {
        number += 1;
        let Some((certificate, behind)) = length(rest).and_then(|length| rest.split_at_checked(length)) else {
            found.unusable.push((number, Unusable::CutOff));
            break;
        };
        match usable(certificate) {
            Ok(certificate) => found.usable.push(certificate),
            Err(why) => found.unusable.push((number, why)),
        }
        rest = behind;
    }
    Ok(found)
}

/// Decodes base64 that may be broken into lines, or contain escaped line endings.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.replace("\\r", "").replace("\\n", "");
    let letters: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(letters).ok().filter(|bytes| !bytes.is_empty())
}

/// The length of the DER value at the start of these bytes, including its header.
fn length(der: &[u8]) -> Option<usize> {
    let first = *der.get(1)?;
    let count = usize::from(first & 0x7f);
    if first < 0x80 {
        return Some(count.saturating_add(2));
    }
    if count > 4 {
        return None;
    }
    let value = der.get(2..)?.get(..count)?.iter().fold(0_usize, |value, byte| (value << 8) | usize::from(*byte));
    value.checked_add(count)?.checked_add(2)
}

fn usable(der: &[u8]) -> Result<CertificateDer<'static>, Unusable> {
    let certificate = CertificateDer::from(der.to_vec());
    match RootCertStore::empty().add(certificate.clone()) {
        Ok(()) => Ok(certificate),
        Err(error) => {
            tracing::debug!(%error, "a certificate can't be used");
            Err(Unusable::NoCertificate)
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    const PEM: &str = include_str!("../../../../tests/engine/tls/authority.pem");

    fn der() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(PEM.as_bytes()).unwrap()
    }

    fn utf_16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn one_certificate_is_read_in_every_form() {
        let (crlf, marked) = (PEM.replace('\n', "\r\n"), format!("\u{feff}{PEM}"));
        let body = PEM.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let trusted = BASE64.encode([der().as_ref(), &[0x30, 0x03, 0x0c, 0x01, b'a']].concat());
        let one_line = format!("-----BEGIN CERTIFICATE----- {body} -----END CERTIFICATE-----");
        for (form, bytes) in [
            ("PEM", PEM.as_bytes().to_vec()),
            ("CRLF", crlf.clone().into_bytes()),
            ("CR", PEM.replace('\n', "\r").into_bytes()),
            ("byte order mark", marked.clone().into_bytes()),
            ("byte order mark and CRLF", marked.replace('\n', "\r\n").into_bytes()),
            ("UTF-16, little endian", utf_16(&format!("\u{feff}{crlf}"), u16::to_le_bytes)),
            ("UTF-16, big endian", utf_16(&marked, u16::to_be_bytes)),
            ("UTF-16 without a mark", utf_16(PEM, u16::to_le_bytes)),
            ("DER", der().to_vec()),
            ("DER with a line end", [der().as_ref(), b"\r\n"].concat()),
            ("text before and after", format!("subject=Ä\n# {{}}\n{PEM}\nissuer: me -----\n").into_bytes()),
            ("indented", PEM.lines().map(|line| format!("   {line}  \n")).collect::<Vec<_>>().concat().into_bytes()),
            ("one line", one_line.into_bytes()),
            ("long line", block("CERTIFICATE", &body).into_bytes()),
            ("no padding", block("CERTIFICATE", body.trim_end_matches('=')).into_bytes()),
            ("written line ends", PEM.replace('\n', "\\n").into_bytes()),
            ("X509", block("X509 CERTIFICATE", &body).into_bytes()),
            ("OpenSSL's trust settings", block("TRUSTED CERTIFICATE", &trusted).into_bytes()),
            ("no line end at the end", PEM.trim_end().as_bytes().to_vec()),
            ("no frame", body.clone().into_bytes()),
            ("base64 of PEM", BASE64.encode(PEM).into_bytes()),
            ("with a key", [block("PRIVATE KEY", "AAAA"), PEM.to_owned()].concat().into_bytes()),
        ] {
            let wanted = Certificates { usable: vec![der()], unusable: Vec::new() };
            assert_eq!(read(&bytes), Ok(wanted), "{form}");
        }
        let several = [PEM, PEM].concat();
        assert_eq!(read(several.as_bytes()).unwrap().usable.len(), 2);
        assert_eq!(read(&[der().as_ref(), der().as_ref()].concat()).unwrap().usable.len(), 2);
    }

    #[test]
    fn unreadable_certificates_are_numbered_and_the_others_are_used() {
        let block = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let short = BASE64.encode(&der()[..100]);
        let bundle = [
            PEM,
            &block("not base64!"),
            PEM,
            &block("AAAA"),
            &block(""),
            &block(&short),
            PEM,
            "-----BEGIN CERTIFICATE-----\nMIIB",
        ];
        let found = read(bundle.concat().as_bytes()).unwrap();
        assert_eq!(found.usable.len(), 3);
        let numbers: Vec<_> = found.unusable.iter().map(|(number, why)| (*number, why.to_string())).collect();
        let wanted = [
            (2, "is damaged"),
            (4, "is no certificate that TLS can use"),
            (5, "is damaged"),
            (6, "is cut off"),
            (8, "is cut off"),
        ];
        assert_eq!(numbers, wanted.map(|(number, why)| (number, why.to_owned())));
        let cut = read(&der()[..100]).unwrap();
        assert_eq!((cut.usable.len(), cut.unusable), (0, vec![(1, Unusable::CutOff)]));
    }

    #[test]
    fn a_file_of_another_kind_is_named_by_its_kind() {
        let pkcs7 = [&[0x30, 0x82, 0x03, 0x00][..], PKCS7, &[0xa0, 0x82]].concat();
        let pkcs12 = [&[0x30, 0x82, 0x03, 0x00, 0x02, 0x01, 0x03, 0x30, 0x82, 0x02, 0x00][..], PKCS7_DATA].concat();
        let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n").into_bytes();
        for (bytes, wanted) in [
            (Vec::new(), NoCertificates::Empty),
            (b" \r\n".to_vec(), NoCertificates::Empty),
            (pkcs7.clone(), NoCertificates::Pkcs7),
            (BASE64.encode(pkcs7).into_bytes(), NoCertificates::Pkcs7),
            (block("PKCS7"), NoCertificates::Pkcs7),
            (pkcs12, NoCertificates::Pkcs12),
            (block("PRIVATE KEY"), NoCertificates::PrivateKey),
            (block("ENCRYPTED PRIVATE KEY"), NoCertificates::PrivateKey),
            (block("RSA PRIVATE KEY"), NoCertificates::PrivateKey),
            (block("CERTIFICATE REQUEST"), NoCertificates::Request),
            (block("DH PARAMETERS"), NoCertificates::None),
            (b"nothing".to_vec(), NoCertificates::None),
            (b"<html>".to_vec(), NoCertificates::None),
            (vec![0xff; 100], NoCertificates::None),
        ] {
            assert_eq!(read(&bytes), Err(wanted), "{bytes:?}");
        }
    }
}
