//! The JSON Schemas of every document this program prints or keeps, made from the types; `schemas/` holds them and a test compares.

use schemars::JsonSchema;
use serde_json::Value;
use serde_json::json;

use crate::archive::PackManifest;
use crate::audit::Entry;
use crate::cli::command::build;
use crate::cli::command::config::ConfigOutcome;
use crate::cli::error::Failure;
use crate::gc::Outcome;
use crate::generation::GenerationRecord;
use crate::generation::Operation;
use crate::generation::ProjectFile;
use crate::ops;
use crate::registry::IndexDocument;
use crate::registry::Names;
use crate::registry::RegistryDocument;
use crate::registry::ReleaseIndex;

/// One schema: the name of the documents it describes, and itself.
pub(super) type Named = (&'static str, Value);

/// Makes the schemas of all documents, by name.
pub fn schemas() -> Vec<Named> {
    vec![
        of::<PackManifest>("packs.manifest/1"),
        of::<IndexDocument>("packs.index/1"),
        of::<Names>("packs.names/1"),
        of::<RegistryDocument>("packs.registry/1"),
        of::<ReleaseIndex>("packs.release-index/1"),
        of::<GenerationRecord>("packs.generation/1"),
        of::<Operation>("packs.operation/1"),
        of::<ProjectFile>("packs.project/1"),
        of::<ops::SeenFile>("packs.seen/1"),
        of::<Failure>("packs.error/1"),
        of::<ops::SwitchOutcome>("packs.switch/1"),
        of::<ops::RollbackOutcome>("packs.rollback/1"),
        of::<ops::UndoOutcome>("packs.undo/1"),
        of::<ops::HistoryOutcome>("packs.history/1"),
        of::<Outcome>("packs.gc/1"),
        of::<ops::VerifyOutcome>("packs.verify/1"),
        of::<ops::LockOutcome>("packs.lock/1"),
        of::<ops::ResolveOutcome>("packs.resolve/1"),
        of::<ops::InitOutcome>("packs.init/1"),
        of::<ops::ListOutcome>("packs.list/1"),
        of::<ConfigOutcome>("packs.config/1"),
        of::<ops::TreeOutcome>("packs.tree/1"),
        of::<ops::DuplicatesOutcome>("packs.tree-duplicates/1"),
        of::<ops::WhyOutcome>("packs.why/1"),
        of::<ConfigOutcome>("packs.config/1"),
        of::<ops::SearchOutcome>("packs.search/1"),
        of::<ops::InfoOutcome>("packs.info/1"),
        of::<ops::StatusOutcome>("packs.status/1"),
        of::<ops::EnvOutcome>("packs.env/1"),
        of::<ops::StorePathOutcome>("packs.store-path/1"),
        of::<build::Document>("packs.build/1"),
        of::<ops::PublishOutcome>("packs.publish/1"),
        of::<ops::ReleaseOutcome>("packs.release/1"),
        of::<ops::YankOutcome>("packs.yank/1"),
        of::<ops::InitRegistryOutcome>("packs.registry-init/1"),
        of::<ops::AddKeyOutcome>("packs.registry-add-key/1"),
        of::<ops::SignRegistryOutcome>("packs.registry-sign/1"),
        of::<ops::RegistryCheckOutcome>("packs.registry-check/1"),
        of::<ops::ForgetOutcome>("packs.registry-forget/1"),
        of::<ops::GenerateKeyOutcome>("packs.key-generate/1"),
        of::<ops::KeyListOutcome>("packs.key-list/1"),
        of::<ops::KeyExportOutcome>("packs.key-export/1"),
        of::<ops::DownloadOutcome>("packs.download/1"),
        of::<ops::AuditOutcome>("packs.audit/1"),
        of::<ops::AuditVerifyOutcome>("packs.audit-verify/1"),
        audit_line(),
    ]
}

/// Makes the schema of a document that begins with its schema's name.
fn of<T: JsonSchema>(name: &'static str) -> Named {
    let mut schema = schema_of::<T>();
    let object = schema.as_object_mut().expect("a schema of a struct is an object");
    object.insert("title".to_owned(), json!(name));
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    properties.as_object_mut().expect("properties are an object").insert("schema".to_owned(), json!({ "const": name }));
    let required = object.entry("required").or_insert_with(|| json!([]));
    let required = required.as_array_mut().expect("required is a list");
    if !required.contains(&json!("schema")) {
        required.insert(0, json!("schema"));
    }
    (name, schema)
}

/// The audit log's lines bear no schema name: there are too many of them.
fn audit_line() -> Named {
    ("packs.audit-line/1", schema_of::<Entry>())
}

fn schema_of<T: JsonSchema>() -> Value {
    schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value()
}
