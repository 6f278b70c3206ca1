//! The committed generated code is what the `.proto` files say. `UPDATE=1 cargo test -p cuvee-proto` rewrites it.

use std::fs;
use std::path::Path;

const PROTOS: [&str; 2] = ["cuvee/v1/cluster.proto", "cuvee/v1/query.proto"];

#[test]
fn generated_code_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = PROTOS.iter().map(|p| root.join(p)).collect();
    let descriptors = protox::compile(&files, [root]).expect("the .proto files compile");
    let out = tempfile::tempdir().expect("a temporary directory");
    tonic_prost_build::configure()
        .bytes(".cuvee.v1.TableQuery.query")
        .bytes(".cuvee.v1.TableResult.partial")
        .btree_map(".")
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("code is generated");
    let fresh = fs::read_to_string(out.path().join("cuvee.v1.rs")).expect("the generated file");
    let committed = root.join("src/generated/cuvee.v1.rs");
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(committed.parent().expect("a folder")).expect("the folder of generated code");
        fs::write(&committed, &fresh).expect("the generated code is written");
        return;
    }
    let stored = fs::read_to_string(&committed).unwrap_or_default();
    assert!(stored == fresh, "{} is stale: run `UPDATE=1 cargo test -p cuvee-proto`", committed.display());
}
