//! `AddTenant`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{
    Group, Verb,
    flags::{AuthFlags, ControllerFlags},
    rest::Rest,
};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct AddTenant {
    /// Name of the tenant.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// BROKER or SERVER.
    #[arg(long, value_name = "ROLE", ignore_case = true, value_parser = ["BROKER", "SERVER"])]
    pub role: String,
    /// Brokers that it takes from those without a tenant; of a SERVER tenant the sum of the other two, or 0.
    #[arg(long, value_name = "N")]
    pub instance_count: u32,
    /// Servers for OFFLINE tables.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offline_instance_count: u32,
    /// Servers for REALTIME tables.
    #[arg(long = "realTimeInstanceCount", alias = "realtimeInstanceCount", value_name = "N", default_value_t = 0)]
    pub realtime_instance_count: u32,
    /// Do it. Without this flag the verb only says what it would do.
    #[arg(long)]
    pub exec: bool,
    #[command(flatten)]
    pub controller: ControllerFlags,
    #[command(flatten)]
    pub auth: AuthFlags,
}

impl Verb for AddTenant {
    const NAME: &'static str = "AddTenant";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "Give untagged brokers or servers to a tenant.";
    const EXAMPLES: &'static [&'static str] = &[
        "AddTenant -name BrokerTenant -role BROKER -instanceCount 1 -exec",
        "AddTenant -name ServerTenant -role SERVER -instanceCount 0 -offlineInstanceCount 1 -realTimeInstanceCount 1 -exec",
    ];

    async fn run(self) -> Result<()> {
        let tenant = json!({
            "tenantRole": self.role.to_ascii_uppercase(),
            "tenantName": self.name,
            "numberOfInstances": self.instance_count,
            "offlineInstances": self.offline_instance_count,
            "realtimeInstances": self.realtime_instance_count,
        });
        if !self.exec {
            println!("Dry run: not sent: {tenant}. Repeat the command with -exec.");
            return Ok(());
        }
        let rest = Rest::controller(&self.controller, &self.auth).await?;
        println!("{}", rest.post_json("/tenants", tenant.to_string()).await?.ok()?.text);
        Ok(())
    }
}
