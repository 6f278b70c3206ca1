use super::*;

const FILE: &str = r"
# a comment
! another
// a third
controller.port=9000
controller.data.dir = /var/data
pinot.service.role : CONTROLLER
Pinot.Server.Instance.retention-in_Days=5
controller.access.protocols=http, https
controller.access.protocols=grpc
long.value=first \
    second
path\=odd=x
blank=
a.b.class.s3=X
a.b.class.gs=Y
url=http://host:80/a?b=c
";

#[test]
fn reads_what_operators_write() {
    let p = Properties::parse(FILE, "test").unwrap();
    assert_eq!(p.u16("controller.port", 1).unwrap(), 9000);
    assert_eq!(p.get("controller.dataDir"), None, "dots count");
    assert_eq!(p.get("controller.data.dir").as_deref(), Some("/var/data"));
    assert_eq!(p.get("pinot.service.role").as_deref(), Some("CONTROLLER"));
    assert_eq!(p.get("pinot.server.instance.retentionInDays").as_deref(), Some("5"));
    assert_eq!(p.list("controller.access.protocols"), ["http", "https", "grpc"]);
    assert_eq!(p.get("long.value").as_deref(), Some("first second"));
    assert_eq!(p.get("path=odd").as_deref(), Some("x"));
    assert_eq!(p.get("blank"), None);
    assert_eq!(p.get("url").as_deref(), Some("http://host:80/a?b=c"));
    let classes: Vec<_> = p.subset("a.b.class.").into_iter().collect();
    assert_eq!(classes, [("gs".into(), "Y".into()), ("s3".into(), "X".into())]);
}

#[test]
fn a_line_without_a_separator_is_named() {
    let error = Properties::parse("a=1\nnonsense\n", "file.conf").unwrap_err().to_string();
    assert_eq!(error, "file.conf, line 2: expected `key=value`, found `nonsense`");
}

#[test]
fn layers_and_unread_keys() {
    let mut p = Properties::parse("a=file\nb=file\nodd.one=1", "test").unwrap();
    let mut cli = Properties::new();
    cli.set("A", "cli");
    p.override_with(&cli);
    p.set_default("b", "default");
    p.set_default("c", "default");
    assert_eq!(
        (p.string("a", ""), p.string("b", ""), p.string("c", "")),
        ("cli".into(), "file".into(), "default".into())
    );
    assert_eq!(p.unread(), ["odd.one"]);
    let _ = p.clone().get("odd.one");
    assert!(p.unread().is_empty());
}

#[test]
fn environment() {
    let mut p =
        Properties::parse("dynamic.env.config=k1,k2\nk1=VAR\nx=${env:HOME_DIR}/${k9}/${nope}\nk9=v", "t").unwrap();
    let lookup = |name: &str| match name {
        "VAR" => Some("value".to_owned()),
        "HOME_DIR" => Some("/h".to_owned()),
        _ => None,
    };
    p.resolve_environment(&lookup).unwrap();
    assert_eq!(p.get("k1").as_deref(), Some("value"));
    assert_eq!(p.get("x").as_deref(), Some("/h/v/${nope}"));
    let mut p = Properties::parse("dynamic.env.config=k1\nk1=GONE", "t").unwrap();
    let error = p.resolve_environment(&|_| None).unwrap_err().to_string();
    assert_eq!(error, "property `k1` takes its value from the environment variable GONE, which is not set");
}

#[test]
fn typed_values() {
    let p = Properties::parse("n=x\nt=1d2h30m\nbad=5\nsize=1.5K\nyes=TRUE\nmaybe=2", "t").unwrap();
    assert_eq!(p.u64("n", 0).unwrap_err().to_string(), "property `n` is `x`; expected a whole number, not negative");
    assert_eq!(p.period("t", Duration::ZERO).unwrap(), Duration::from_secs(86_400 + 7_200 + 1_800));
    assert!(p.period("bad", Duration::ZERO).is_err());
    assert_eq!(p.bytes("size", 0).unwrap(), 1536);
    assert!(p.bool("yes", false).unwrap());
    assert!(p.bool("maybe", false).is_err());
}

#[test]
fn escapes_of_values() {
    let p = Properties::parse(
        r"a=x\\.y\tz
b=caf\u00e9 \, \d \u12
c=end\\",
        "t",
    )
    .unwrap();
    assert_eq!(p.get("a").as_deref(), Some("x\\.y\tz"));
    assert_eq!(p.get("b").as_deref(), Some(r"café \, \d \u12"));
    assert_eq!(p.get("c").as_deref(), Some("end\\"));
}

#[test]
fn files_include_files_and_name_system_properties() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    write("more.conf", "b=more\nc=more\n");
    let below = write("below.conf", "c=below\nd=below\n");
    let main = write(
        "main.conf",
        &format!(
            "include=more.conf\nincludeoptional=none.conf\nb=main\nconfig.paths={}\nt=${{sys:java.io.tmpdir}}/x\n",
            below.display()
        ),
    );
    let p = Properties::load(&main).unwrap();
    assert_eq!(p.list("b"), ["main", "more"]);
    assert_eq!((p.string("c", ""), p.string("d", "")), ("more".into(), "below".into()));
    assert_eq!(p.string("t", ""), std::env::temp_dir().join("x").display().to_string());

    let looping = write("loop.conf", "include=loop.conf\n");
    assert!(Properties::load(&looping).unwrap_err().to_string().contains("include itself"));
    let missing = write("missing.conf", "include=nowhere.conf\n");
    assert!(Properties::load(&missing).unwrap_err().to_string().contains("nowhere.conf"));
}

#[test]
fn java_options_are_system_properties() {
    let lookup = |name: &str| (name == "JAVA_OPTS").then(|| "-Xmx1G -Ddata.root=/d".to_owned());
    let mut p = Properties::parse("x=${sys:data.root}/s\ny=${sys:nope}", "t").unwrap();
    p.resolve_environment(&lookup).unwrap();
    assert_eq!((p.string("x", ""), p.string("y", "")), ("/d/s".into(), "${sys:nope}".into()));
}

#[test]
fn peeking_is_not_reading() {
    let p = Properties::parse("a=1", "t").unwrap();
    assert_eq!(p.peek("A").as_deref(), Some("1"));
    assert_eq!(p.unread(), ["a"]);
}
