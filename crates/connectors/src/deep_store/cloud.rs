//! Object stores by the URLs, class names and property keys that Pinot's file systems have.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum},
    azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder,
    path::Path as StorePath,
};

use crate::net::{self, Connector, Reach};

/// A kind of object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    S3,
    Gcs,
    Azure,
}

/// Schemes whose store is known.
const SCHEMES: &[(&str, Kind)] = &[
    ("s3", Kind::S3),
    ("s3a", Kind::S3),
    ("s3n", Kind::S3),
    ("gs", Kind::Gcs),
    ("abfs", Kind::Azure),
    ("abfss", Kind::Azure),
    ("adl2", Kind::Azure),
    ("wasb", Kind::Azure),
    ("wasbs", Kind::Azure),
];

/// The last part of the names of Pinot's file system classes.
const CLASSES: &[(&str, Kind)] = &[
    ("S3PinotFS", Kind::S3),
    ("GcsPinotFS", Kind::Gcs),
    ("ADLSGen2PinotFS", Kind::Azure),
    ("AzurePinotFS", Kind::Azure),
];

impl Kind {
    /// What a scheme or, where that says nothing, a class name means. The error is half a sentence.
    pub(crate) fn of(scheme: &str, class_name: Option<&str>) -> Result<Self, String> {
        if let Some((_, kind)) = SCHEMES.iter().find(|(name, _)| *name == scheme) {
            return Ok(*kind);
        }
        let class = class_name.and_then(|name| name.rsplit('.').next()).unwrap_or_default();
        if let Some((_, kind)) = CLASSES.iter().find(|(name, _)| *name == class) {
            return Ok(*kind);
        }
        if scheme == "hdfs" || class == "HadoopPinotFS" {
            return Err("hdfs is not read; copy the files to a directory, S3, GCS or Azure".to_owned());
        }
        Err(format!("scheme '{scheme}' is not supported; use file, http, https, s3, gs, abfs, abfss or adl2"))
    }

    /// The scheme whose properties Pinot's configuration has for it.
    fn property_schemes(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &["s3", "s3a", "s3n"],
            Self::Gcs => &["gs"],
            Self::Azure => &["adl2", "abfs", "abfss", "wasb", "wasbs"],
        }
    }

    /// Splits `scheme://bucket/path` into `scheme://bucket` and `path`.
    pub(crate) fn split_uri(self, uri: &str) -> Result<(String, String), String> {
        let (scheme, rest) = uri.split_once("://").ok_or_else(|| "it has no // after its scheme".to_owned())?;
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err("it names no bucket".to_owned());
        }
        if path.trim_matches('/').is_empty() {
            return Err("it names no object in the bucket".to_owned());
        }
        Ok((format!("{scheme}://{bucket}"), path.to_owned()))
    }
}

/// The properties for a URL's scheme out of all of `pinot.<role>.storage.factory.*`: those of its own scheme first,
/// then of the others that mean the same store.
pub(crate) fn properties_of(kind: Kind, scheme: &str, options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for scheme in std::iter::once(scheme).chain(kind.property_schemes().iter().copied()) {
        for (key, value) in options {
            if let Some(name) = key.strip_prefix(scheme).and_then(|rest| rest.strip_prefix('.')) {
                found.entry(name.to_owned()).or_insert_with(|| value.clone());
            }
        }
    }
    found
}

/// The key of an object that is there, as its URI gives it.
pub(crate) fn existing_key(path: &str) -> Result<StorePath, String> {
    let path = crate::remote::decoded(path.trim_start_matches('/'));
    StorePath::parse(&path).map_err(|error| format!("its path is no object's name: {error}"))
}

/// Opens a store. `root` is `scheme://bucket` or, for Azure, `scheme://container@account.dfs.core.windows.net`.
/// Nothing is asked over the network yet. The error is half a sentence.
pub(crate) fn open(
    kind: Kind,
    root: &str,
    properties: &BTreeMap<String, String>,
    reach: Reach,
) -> Result<Arc<dyn ObjectStore>, String> {
    let properties = Properties(properties);
    if let Some(endpoint) = properties.get("endpoint") {
        let url: reqwest::Url =
            endpoint.parse().map_err(|error| format!("its endpoint '{endpoint}' is no URL: {error}"))?;
        net::check(&url, reach).map_err(|error| format!("its endpoint {error}"))?;
    }
    let bucket = root.split_once("://").map_or(root, |(_, bucket)| bucket);
    match kind {
        Kind::S3 => s3(bucket, &properties, reach),
        Kind::Gcs => gcs(bucket, &properties, reach),
        Kind::Azure => azure(bucket, &properties, reach),
    }
}

/// Short: the caller has retries of its own around these.
fn retry() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 3.0 };
    RetryConfig { backoff, max_retries: 2, retry_timeout: Duration::from_secs(30) }
}

struct Properties<'a>(&'a BTreeMap<String, String>);

impl Properties<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Two that mean nothing without each other.
    fn pair(&self, first: &str, second: &str) -> Result<Option<(&str, &str)>, String> {
        match (self.get(first), self.get(second)) {
            (Some(a), Some(b)) => Ok(Some((a, b))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(format!("property {first} is given without {second}")),
            (None, Some(_)) => Err(format!("property {second} is given without {first}")),
        }
    }
}

fn s3(bucket: &str, properties: &Properties<'_>, reach: Reach) -> Result<Arc<dyn ObjectStore>, String> {
    if properties.flag("iamRoleBasedAccessEnabled") || properties.get("roleArn").is_some() {
        return Err("properties iamRoleBasedAccessEnabled and roleArn are not supported; give the process the role's \
                    credentials in its environment (AWS_ACCESS_KEY_ID and so on, a web identity, or the machine's role)"
            .to_owned());
    }
    let keys = properties.pair("accessKey", "secretKey")?;
    let mut builder = match keys {
        Some((id, secret)) => AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret),
        None => AmazonS3Builder::from_env(),
    };
    builder = builder
        .with_bucket_name(bucket)
        .with_http_connector(Connector(reach))
        .with_retry(retry())
        // The store compares it before it takes an object.
        .with_checksum_algorithm(Checksum::SHA256);
    if keys.is_none() && properties.flag("anonymousCredentialsProvider") {
        builder = builder.with_skip_signature(true);
    }
    if let Some(region) = properties.get("region") {
        builder = builder.with_region(region);
    }
    if let Some(token) = properties.get("sessionToken") {
        builder = builder.with_token(token);
    }
    if let Some(endpoint) = properties.get("endpoint") {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_allow_http(endpoint.starts_with("http:"));
    }
    if let Some(encryption) = properties.get("serverSideEncryption") {
        let key: AmazonS3ConfigKey = "aws_server_side_encryption".parse().map_err(|error| told(&error))?;
        builder = builder.with_config(key, encryption);
        if let Some(key) = properties.get("ssekmsKeyId") {
            builder = builder.with_sse_kms_encryption(key);
        }
    }
    Ok(Arc::new(builder.build().map_err(|error| told(&error))?))
}

fn gcs(bucket: &str, properties: &Properties<'_>, reach: Reach) -> Result<Arc<dyn ObjectStore>, String> {
    let mut builder = match (properties.get("jsonKey"), properties.get("gcpKey")) {
        (Some(json), _) => GoogleCloudStorageBuilder::new().with_service_account_key(json),
        (None, Some(file)) => GoogleCloudStorageBuilder::new().with_service_account_path(file),
        (None, None) => GoogleCloudStorageBuilder::from_env(),
    };
    if let Some(endpoint) = properties.get("endpoint") {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    if properties.flag("anonymousCredentialsProvider") {
        builder = builder.with_skip_signature(true);
    }
    let builder = builder.with_bucket_name(bucket).with_http_connector(Connector(reach)).with_retry(retry());
    Ok(Arc::new(builder.build().map_err(|error| told(&error))?))
}

fn azure(bucket: &str, properties: &Properties<'_>, reach: Reach) -> Result<Arc<dyn ObjectStore>, String> {
    // `container@account.dfs.core.windows.net`, or the one that the properties do not name.
    let (container, host) = bucket.split_once('@').map_or((bucket, None), |(container, host)| (container, Some(host)));
    let (container, of_host) = match (host, properties.get("fileSystemName")) {
        (Some(host), _) => (container, host.split('.').next()),
        (None, Some(named)) if container.contains('.') => (named, container.split('.').next()),
        (None, named) => (named.unwrap_or(container), None),
    };
    let account = properties.get("accountName").or(of_host).ok_or_else(|| {
        "property accountName is missing, and the URL has not the form abfs://container@account.dfs.core.windows.net/"
            .to_owned()
    })?;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_http_connector(Connector(reach))
        .with_retry(retry());
    if let Some(endpoint) = properties.get("endpoint") {
        let endpoint = endpoint.trim_end_matches('/');
        builder = builder.with_allow_http(endpoint.starts_with("http:")).with_endpoint(endpoint.to_owned());
    }
    let missing = |key: &str, kind: &str| format!("property {key} is missing, authenticationType {kind} needs it");
    let need = |key: &str, kind: &str| properties.get(key).ok_or_else(|| missing(key, kind));
    let kind = properties.get("authenticationType").map(str::to_ascii_uppercase);
    let kind = kind.unwrap_or_else(|| match (properties.get("accessKey"), properties.get("sasToken")) {
        (Some(_), _) => "ACCESS_KEY".to_owned(),
        (None, Some(_)) => "SAS_TOKEN".to_owned(),
        (None, None) if properties.get("clientSecret").is_some() => "AZURE_AD".to_owned(),
        (None, None) => "DEFAULT".to_owned(),
    });
    builder = match kind.as_str() {
        "ACCESS_KEY" => builder.with_access_key(need("accessKey", &kind)?),
        "SAS_TOKEN" => {
            let token = need("sasToken", &kind)?.trim_start_matches('?').to_owned();
            builder.with_config(object_store::azure::AzureConfigKey::SasKey, token)
        }
        "AZURE_AD" => builder.with_client_secret_authorization(
            need("clientId", &kind)?,
            need("clientSecret", &kind)?,
            need("tenantId", &kind)?,
        ),
        "ANONYMOUS_ACCESS" => builder.with_skip_signature(true),
        // The machine's or the workload's identity.
        "DEFAULT" | "AZURE_AD_WITH_MSI" => builder,
        other => {
            return Err(format!(
                "property authenticationType is '{other}'; use ACCESS_KEY, SAS_TOKEN, AZURE_AD, DEFAULT or \
                 ANONYMOUS_ACCESS"
            ));
        }
    };
    Ok(Arc::new(builder.build().map_err(|error| told(&error))?))
}

fn told(error: &object_store::Error) -> String {
    format!("its properties cannot be used: {}", net::error_text(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn schemes_and_classes() {
        assert_eq!(Kind::of("s3a", None), Ok(Kind::S3));
        assert_eq!(Kind::of("mine", Some("org.apache.pinot.plugin.filesystem.GcsPinotFS")), Ok(Kind::Gcs));
        assert!(Kind::of("hdfs", None).unwrap_err().contains("hdfs"));
        assert!(Kind::of("mine", Some("x.Y")).unwrap_err().contains("not supported"));
        assert_eq!(Kind::S3.split_uri("s3://b/a/c.csv").unwrap(), ("s3://b".to_owned(), "a/c.csv".to_owned()));
        assert!(Kind::S3.split_uri("s3:b").is_err());
    }

    #[test]
    fn properties_of_the_own_scheme_come_first() {
        let options = map(&[
            ("s3.region", "r"),
            ("s3a.region", "own"),
            ("s3.endpoint", "e"),
            ("gs.projectId", "p"),
            ("class.s3", "x"),
        ]);
        let found = properties_of(Kind::S3, "s3a", &options);
        assert_eq!(found, map(&[("region", "own"), ("endpoint", "e")]));
    }

    #[test]
    fn stores_open_or_say_what_is_missing() {
        let key = [("accessKey", "a2V5"), ("secretKey", "s")];
        for (kind, root, properties, reason) in [
            (Kind::S3, "s3://b", map(&key), None),
            (Kind::S3, "s3://b", map(&key[..1]), Some("without secretKey")),
            (Kind::S3, "s3://b", map(&[("roleArn", "x")]), Some("roleArn")),
            (Kind::S3, "s3://b", map(&[("endpoint", "no url")]), Some("is no URL")),
            (Kind::S3, "s3://b", map(&[("endpoint", "http://169.254.169.254")]), Some("allowPrivateAddresses")),
            (Kind::S3, "s3://b", map(&[("endpoint", "http://127.0.0.1:9000")]), None),
            (Kind::Gcs, "gs://b", map(&[("jsonKey", "{")]), Some("cannot be used")),
            (Kind::Azure, "abfs://c@acc.dfs.core.windows.net", map(&key[..1]), None),
            (Kind::Azure, "abfs://c", map(&key[..1]), Some("accountName")),
            (Kind::Azure, "adl2://c", map(&[("accountName", "acc"), ("accessKey", "a2V5")]), None),
            (
                Kind::Azure,
                "adl2://c",
                map(&[("accountName", "acc"), ("authenticationType", "SAS_TOKEN")]),
                Some("sasToken"),
            ),
            (Kind::Azure, "adl2://c", map(&[("accountName", "acc"), ("authenticationType", "MAGIC")]), Some("'MAGIC'")),
        ] {
            let opened = open(kind, root, &properties, Reach::Site).map(|_| ());
            match reason {
                None => assert_eq!(opened, Ok(()), "{root}"),
                Some(reason) => assert!(opened.as_ref().unwrap_err().contains(reason), "{opened:?}"),
            }
        }
    }
}
