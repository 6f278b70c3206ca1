//! From the YAML tree to a [`JobSpec`].

use connectors::format::Format;

use super::{
    FileSystemSpec, JobSpec, NamingSpec, PushMode, PushSpec, ReaderSpec, TableSpec,
    section::{Findings, Keys, Section, nearest},
    yaml,
};
use crate::{error::Problem, pattern::PathPattern};

const KEYS: &[Keys] = &[
    (
        "",
        &[
            "executionFrameworkSpec",
            "jobType",
            "inputDirURI",
            "searchRecursively",
            "includeFileNamePattern",
            "excludeFileNamePattern",
            "outputDirURI",
            "segmentCreationJobParallelism",
            "overwriteOutput",
            "pinotFSSpecs",
            "tableSpec",
            "recordReaderSpec",
            "segmentNameGeneratorSpec",
            "pinotClusterSpecs",
            "pushJobSpec",
            "cleanUpOutputDir",
            "tlsSpec",
            "failOnEmptySegment",
            "authToken",
            "createMetadataTarGz",
        ],
    ),
    (
        "executionFrameworkSpec",
        &[
            "name",
            "segmentGenerationJobRunnerClassName",
            "segmentTarPushJobRunnerClassName",
            "segmentUriPushJobRunnerClassName",
            "segmentMetadataPushJobRunnerClassName",
            "extraConfigs",
        ],
    ),
    ("pinotFSSpecs", &["scheme", "className", "configs"]),
    ("tableSpec", &["tableName", "schemaURI", "tableConfigURI"]),
    ("recordReaderSpec", &["dataFormat", "className", "configClassName", "configs"]),
    ("segmentNameGeneratorSpec", &["type", "configs"]),
    ("pinotClusterSpecs", &["controllerURI"]),
    (
        "pushJobSpec",
        &[
            "pushAttempts",
            "pushParallelism",
            "pushRetryIntervalMillis",
            "segmentUriPrefix",
            "segmentUriSuffix",
            "copyToDeepStoreForMetadataPush",
            "pushFileNamePattern",
            "preferMetadataTarGz",
            "batchSegmentUpload",
            "segmentMetadataGenerationParallelism",
        ],
    ),
    (
        "tlsSpec",
        &[
            "keyStoreType",
            "keyStorePath",
            "keyStorePassword",
            "trustStoreType",
            "trustStorePath",
            "trustStorePassword",
            "connectTimeout",
            "readTimeout",
        ],
    ),
];

const JOB_TYPES: &[(&str, bool, Option<PushMode>)] = &[
    ("SegmentCreation", true, None),
    ("SegmentTarPush", false, Some(PushMode::Tar)),
    ("SegmentUriPush", false, Some(PushMode::Uri)),
    ("SegmentMetadataPush", false, Some(PushMode::Metadata)),
    ("SegmentCreationAndTarPush", true, Some(PushMode::Tar)),
    ("SegmentCreationAndUriPush", true, Some(PushMode::Uri)),
    ("SegmentCreationAndMetadataPush", true, Some(PushMode::Metadata)),
];

const NAMING_TYPES: &[&str] = &["simple", "normalizedDate", "fixed", "inputFile", "uuid", "uploadedRealtime"];

const NAMING_CONFIGS: &[&str] = &[
    "segment.name",
    "segment.name.prefix",
    "segment.name.postfix",
    "exclude.sequence.id",
    "exclude.time.in.segment.name",
    "append.uuid.to.segment.name",
    "file.path.pattern",
    "segment.name.template",
    "segment.partitionId",
    "segment.uploadTimeMs",
    "use.global.directory.sequence.id",
    "local.directory.sequence.id",
];

pub(super) fn job(text: &str) -> Result<JobSpec, Vec<Problem>> {
    let root = yaml::parse(text).map_err(|problem| vec![problem])?;
    let findings = Findings::default();
    let top = Section::open("", &root, KEYS, &findings);
    framework(&top);
    let (creates, push) = job_type(&top);
    let spec = JobSpec {
        creates,
        push,
        input_dir_uri: if creates {
            top.required("inputDirURI", "the directory or file to read")
        } else {
            top.text("inputDirURI").unwrap_or_default()
        },
        search_recursively: top.flag("searchRecursively", true),
        include_pattern: pattern(&top, "includeFileNamePattern"),
        exclude_pattern: pattern(&top, "excludeFileNamePattern"),
        output_dir_uri: top.required("outputDirURI", "the directory for the segments"),
        parallelism: top.number("segmentCreationJobParallelism", 1).clamp(1, 1024) as usize,
        overwrite_output: top.flag("overwriteOutput", false),
        clean_up_output_dir: top.flag("cleanUpOutputDir", false),
        fail_on_empty_segment: top.flag("failOnEmptySegment", false),
        create_metadata_tar: top.flag("createMetadataTarGz", false),
        auth_token: top.text("authToken").filter(|t| !t.trim().is_empty()),
        table: table(&top),
        reader: reader(&top, creates),
        naming: naming(&top),
        controllers: controllers(&top, push.is_some()),
        push_spec: push_spec(&top),
        file_systems: file_systems(&top),
        replace: None,
        warnings: Vec::new(),
    };
    if creates && spec.controllers.is_empty() {
        let table = top.get("tableSpec");
        for (key, given) in [("schemaURI", &spec.table.schema_uri), ("tableConfigURI", &spec.table.config_uri)] {
            if given.is_none() {
                let at = table.map_or(top.at(), |n| (n.line, n.column));
                let text = format!("tableSpec.{key} is missing, and there is no pinotClusterSpecs to ask for it");
                findings.problem(at, text);
            }
        }
    }
    if top.get("tlsSpec").is_some() {
        let tls = top.get("tlsSpec");
        _ = tls.map(|node| Section::open("tlsSpec", node, KEYS, &findings));
        findings.warn("tlsSpec is not used: servers' certificates are checked against the system's");
    }
    let Findings { problems, warnings } = findings;
    let problems = problems.into_inner();
    if problems.is_empty() { Ok(JobSpec { warnings: warnings.into_inner(), ..spec }) } else { Err(problems) }
}

/// Whatever runs the job elsewhere is run by this process; the classes only have to be those of a runner.
fn framework(top: &Section<'_>) {
    let Some(node) = top.get("executionFrameworkSpec") else { return };
    let section = Section::open("executionFrameworkSpec", node, KEYS, top.findings);
    if let Some(name) = section.text("name")
        && !name.eq_ignore_ascii_case("standalone")
    {
        top.findings.warn(format!(
            "executionFrameworkSpec.name '{name}' runs in this process, as 'standalone' does; segments are built in parallel"
        ));
    }
    for (key, end) in [
        ("segmentGenerationJobRunnerClassName", "SegmentGenerationJobRunner"),
        ("segmentTarPushJobRunnerClassName", "SegmentTarPushJobRunner"),
        ("segmentUriPushJobRunnerClassName", "SegmentUriPushJobRunner"),
        ("segmentMetadataPushJobRunnerClassName", "SegmentMetadataPushJobRunner"),
    ] {
        if let Some(class) = section.text(key)
            && !class.ends_with(end)
        {
            top.findings
                .warn(format!("executionFrameworkSpec.{key} '{class}' is not known; the built-in runner is used"));
        }
    }
    if section.get("extraConfigs").is_some() && !section.map("extraConfigs").is_empty() {
        top.findings.warn("executionFrameworkSpec.extraConfigs is not used: nothing is staged");
    }
}

fn job_type(top: &Section<'_>) -> (bool, Option<PushMode>) {
    let names: Vec<&str> = JOB_TYPES.iter().map(|(name, ..)| *name).collect();
    let text = top.required("jobType", &format!("one of {}", names.join(", ")));
    if text.is_empty() {
        return (true, None);
    }
    if let Some((_, creates, push)) = JOB_TYPES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(text.trim())) {
        return (*creates, *push);
    }
    choice_problem(top, "jobType", &text, &names);
    (true, None)
}

fn choice_problem(section: &Section<'_>, key: &str, found: &str, choices: &[&str]) {
    let at = section.get(key).map_or(section.at(), |n| (n.line, n.column));
    let hint = match nearest(found, choices) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("it is one of {}", choices.join(", ")),
    };
    section.findings.problem(at, format!("{key} '{found}' is unknown; {hint}"));
}

fn pattern(section: &Section<'_>, key: &str) -> Option<String> {
    let text = section.text(key).filter(|t| !t.is_empty())?;
    if let Err(error) = PathPattern::new(&text) {
        let at = section.get(key).map_or(section.at(), |n| (n.line, n.column));
        section.findings.problem(at, format!("{key} '{text}': {error}"));
    }
    Some(text)
}

fn table(top: &Section<'_>) -> TableSpec {
    let Some(node) = top.get("tableSpec") else {
        top.missing("tableSpec", "it names the table, as in\n    tableSpec:\n      tableName: 'myTable'");
        return TableSpec::default();
    };
    let section = Section::open("tableSpec", node, KEYS, top.findings);
    TableSpec {
        name: section.required("tableName", "the table that the segments are for"),
        schema_uri: section.text("schemaURI").filter(|t| !t.is_empty()),
        config_uri: section.text("tableConfigURI").filter(|t| !t.is_empty()),
    }
}

fn reader(top: &Section<'_>, needed: bool) -> ReaderSpec {
    let mut spec = ReaderSpec { format: Format::Json, properties: Default::default() };
    let Some(node) = top.get("recordReaderSpec") else {
        if needed {
            top.missing(
                "recordReaderSpec",
                "it says what the files hold, as in\n    recordReaderSpec:\n      dataFormat: 'csv'",
            );
        }
        return spec;
    };
    let section = Section::open("recordReaderSpec", node, KEYS, top.findings);
    spec.properties = section.map("configs");
    let class = section.text("className").filter(|t| !t.is_empty());
    let format = section.text("dataFormat").filter(|t| !t.is_empty());
    if class.is_none() && format.is_none() {
        if needed {
            section.missing("dataFormat", "csv, json, avro, parquet, orc, proto …");
        }
        return spec;
    }
    let mut found = Format::of_reader(format.as_deref(), class.as_deref(), &mut spec.properties);
    if let (Err(connectors::Error::UnknownReader(class)), Some(format)) = (&found, &format) {
        top.findings.warn(format!("recordReaderSpec.className '{class}' is not known; dataFormat decides"));
        found = format.parse();
    }
    let at = |keys: &[&str]| {
        keys.iter().find_map(|key| section.get(key)).map_or(section.at(), |node| (node.line, node.column))
    };
    match found {
        Ok(found) => {
            // The class is what reads the files, where both are given.
            if let Some(name) = format.filter(|name| name.parse::<Format>().ok() != Some(found)) {
                let found = found.name();
                top.findings.warn(format!(
                    "recordReaderSpec: dataFormat is '{name}', but className reads {found}; the files are read as {found}"
                ));
            }
            spec.format = found;
            if let Err(error) = found.check_properties(&spec.properties) {
                top.findings.problem(at(&["configs"]), format!("recordReaderSpec.configs: {error}"));
            }
        }
        Err(error) if class.is_some() => {
            top.findings.problem(at(&["className"]), format!("recordReaderSpec.className: {error}"));
        }
        Err(error) => top.findings.problem(at(&["dataFormat"]), format!("recordReaderSpec.dataFormat: {error}")),
    }
    spec
}

fn naming(top: &Section<'_>) -> NamingSpec {
    let Some(node) = top.get("segmentNameGeneratorSpec") else { return NamingSpec::default() };
    let section = Section::open("segmentNameGeneratorSpec", node, KEYS, top.findings);
    let mut spec = NamingSpec {
        kind: section.text("type").filter(|t| !t.is_empty()),
        configs: section.map("configs"),
        raw_name: false,
    };
    if let Some(kind) = &spec.kind {
        match NAMING_TYPES.iter().find(|t| t.eq_ignore_ascii_case(kind.trim())) {
            Some(known) => spec.kind = Some((*known).to_owned()),
            None => choice_problem(&section, "type", kind, NAMING_TYPES),
        }
    }
    for key in spec.configs.keys().filter(|key| !NAMING_CONFIGS.contains(&key.as_str())) {
        let hint = nearest(key, NAMING_CONFIGS).map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
        top.findings.warn(format!("segmentNameGeneratorSpec.configs: unknown key '{key}'{hint}"));
    }
    spec
}

fn controllers(top: &Section<'_>, needed: bool) -> Vec<String> {
    let mut controllers = Vec::new();
    for node in top.list("pinotClusterSpecs") {
        let section = Section::open("pinotClusterSpecs", node, KEYS, top.findings);
        let uri = section.required("controllerURI", "the address of a controller, as in 'http://localhost:9000'");
        if uri.is_empty() {
            continue;
        }
        let uri = if uri.starts_with("http://") || uri.starts_with("https://") {
            uri
        } else if is_address(&uri) {
            top.findings.warn(format!("pinotClusterSpecs.controllerURI '{uri}' is taken for 'http://{uri}'"));
            format!("http://{uri}")
        } else {
            let at = section.get("controllerURI").map_or(section.at(), |n| (n.line, n.column));
            let text = format!("pinotClusterSpecs.controllerURI '{uri}' must begin with http:// or https://");
            top.findings.problem(at, text);
            continue;
        };
        controllers.push(uri.trim_end_matches('/').to_owned());
    }
    if needed && controllers.is_empty() && top.get("pinotClusterSpecs").is_none() {
        top.missing(
            "pinotClusterSpecs",
            "it says where segments are pushed to, as in\n    pinotClusterSpecs:\n      - controllerURI: 'http://localhost:9000'",
        );
    }
    controllers
}

/// `host` or `host:port`.
fn is_address(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_';
    !host.is_empty() && host.chars().all(is_host) && port.parse::<u16>().is_ok()
}

fn push_spec(top: &Section<'_>) -> PushSpec {
    let default = PushSpec::default();
    let Some(node) = top.get("pushJobSpec") else { return default };
    let section = Section::open("pushJobSpec", node, KEYS, top.findings);
    PushSpec {
        attempts: section.number("pushAttempts", default.attempts).clamp(1, 100),
        parallelism: section.number("pushParallelism", 4).clamp(1, 64) as usize,
        retry_interval_ms: match section.number("pushRetryIntervalMillis", 1000) {
            0 => default.retry_interval_ms,
            given => given.into(),
        },
        segment_uri_prefix: section.text("segmentUriPrefix").unwrap_or_default(),
        segment_uri_suffix: section.text("segmentUriSuffix").unwrap_or_default(),
        file_name_pattern: pattern(&section, "pushFileNamePattern"),
        copy_to_deep_store: section.flag("copyToDeepStoreForMetadataPush", false),
        prefer_metadata_tar: section.flag("preferMetadataTarGz", true),
        batch: section.flag("batchSegmentUpload", false),
        metadata_parallelism: section.number("segmentMetadataGenerationParallelism", 1).clamp(1, 64) as usize,
    }
}

fn file_systems(top: &Section<'_>) -> Vec<FileSystemSpec> {
    let mut found = Vec::new();
    for node in top.list("pinotFSSpecs") {
        let section = Section::open("pinotFSSpecs", node, KEYS, top.findings);
        found.push(FileSystemSpec {
            scheme: section.required("scheme", "file, s3, gs, abfs …"),
            class_name: section.text("className"),
            configs: section.map("configs"),
        });
    }
    found
}
