//! Storage tiers.

use super::{super::TableConfig, Errors, array, list, text};
use crate::parse_period;

pub(super) fn check(config: &TableConfig, errors: &mut Errors) {
    let mut names = std::collections::HashSet::new();
    for (i, tier) in array(config, "tierConfigs").iter().enumerate() {
        let Some(tier) = tier.as_object() else { continue };
        let at = |key: &str| format!("/tierConfigs/{i}/{key}");
        let name = text(tier, "name").unwrap_or_default();
        if name.trim().is_empty() {
            errors.add(at("name"), "Tier name cannot be blank", "");
        } else if !names.insert(name) {
            errors.add(at("name"), format!("Tier name: {name} already exists in tier configs"), "");
        } else if name.contains(['/', '\\']) || name.contains("..") || name.chars().any(char::is_control) {
            errors.add(
                at("name"),
                format!("Tier name: {} holds a character that is not allowed", name.escape_debug()),
                "",
            );
        }
        let selector = text(tier, "segmentSelectorType").unwrap_or_default();
        match selector.to_ascii_lowercase().as_str() {
            "time" => match text(tier, "segmentAge") {
                None => errors.add(
                    at("segmentAge"),
                    format!("Must provide 'segmentAge' for segmentSelectorType: {selector} in tier: {name}"),
                    "give a period such as 7d",
                ),
                Some(age) => errors.ensure(
                    parse_period(age).is_ok(),
                    &at("segmentAge"),
                    format!("segmentAge: {age} must be a valid period string (eg. 30d, 24h) in tier: {name}"),
                    "",
                ),
            },
            "fixed" => errors.ensure(
                !list(tier, "segmentList").is_empty(),
                &at("segmentList"),
                format!("Must provide 'segmentList' for segmentSelectorType: {selector} in tier: {name}"),
                "",
            ),
            _ => errors.add(
                at("segmentSelectorType"),
                format!("Unsupported segmentSelectorType: {selector} in tier: {name}"),
                "use time or fixed",
            ),
        }
        storage(tier, name, &at, errors);
    }
}

fn storage(
    tier: &serde_json::Map<String, serde_json::Value>,
    name: &str,
    at: &impl Fn(&str) -> String,
    errors: &mut Errors,
) {
    let storage = text(tier, "storageType").unwrap_or_default();
    if !storage.eq_ignore_ascii_case("pinot_server") {
        let message = format!("Unsupported storageType: {storage} in tier: {name}");
        return errors.add(at("storageType"), message, "use pinot_server");
    }
    match text(tier, "serverTag") {
        None => errors.add(
            at("serverTag"),
            format!("Must provide 'serverTag' for storageType: {storage} in tier: {name}"),
            "",
        ),
        Some(tag) => errors.ensure(
            tag.ends_with("_OFFLINE") || tag.ends_with("_REALTIME"),
            &at("serverTag"),
            format!(
                "serverTag: {tag} must have a valid server tag format (<tenantName>_OFFLINE or <tenantName>_REALTIME) in tier: {name}"
            ),
            "",
        ),
    }
}
