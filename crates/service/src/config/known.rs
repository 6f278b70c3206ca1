//! The property keys that Pinot documents, to tell a key that does nothing here from a misspelt one.

use super::relaxed;

/// Keys; one that ends in `*` stands for all that begin with what is before it.
const KNOWN: &[&str] = &[
    // All roles.
    "pinot.service.role",
    "pinot.cluster.name",
    "pinot.zk.server",
    "pinot.set.instance.id.to.hostname",
    "config.paths",
    "include",
    "includeoptional",
    "dynamic.env.config",
    "pinot.all.tls.*",
    "pinot.multistage.engine.enabled",
    "pinot.query.server.port",
    "pinot.query.server.hostname",
    "pinot.query.runner.port",
    "pinot.query.runner.hostname",
    "pinot.query.runner.*",
    "pinot.query.scheduler.*",
    "pinot.query.join.max.rows",
    "pinot.query.join.overflow.mode",
    "pinot.query.window.max.rows",
    "pinot.query.window.overflow.mode",
    "pinot.md5.disabled",
    "pinot.metrics.*",
    "plugins.dir",
    "plugins.include",
    // Controller.
    "controller.host",
    "controller.port",
    "controller.vip.host",
    "controller.vip.port",
    "controller.vip.protocol",
    "controller.zk.str",
    "controller.helix.cluster.name",
    "controller.data.dir",
    "controller.local.temp.dir",
    "controller.mode",
    "controller.access.protocols",
    "controller.access.protocols.*",
    "controller.tls.*",
    "controller.broker.tls.*",
    "controller.broker.protocol",
    "controller.broker.port.override",
    "controller.admin.access.control.factory.class",
    "controller.admin.access.control.principals",
    "controller.admin.access.control.principals.*",
    "access.control.init.username",
    "access.control.init.password",
    "controller.swagger.enable",
    "controller.swagger.use.https",
    "controller.disable.ingestion.groovy",
    "controller.task.scheduler.enabled",
    "controller.task.frequencyPeriod",
    "controller.task.frequencyInSeconds",
    "controller.task.expire.time.ms",
    "controller.task.queue.maxSize",
    "controller.task.queue.capacity",
    "controller.task.queue.warningThreshold",
    "controller.task.*",
    "controller.retention.frequencyPeriod",
    "controller.retention.frequencyInSeconds",
    "controller.retention.*",
    "controller.deleted.segments.retentionInDays",
    "controller.offline.segment.interval.checker.*",
    "controller.offline.segment.validation.*",
    "controller.realtime.segment.validation.*",
    "controller.broker.resource.validation.*",
    "controller.statuschecker.*",
    "controller.segment.relocator.*",
    "controller.segment.level.validation.*",
    "controller.rebalance.checker.*",
    "controller.rebalance.disk.utilization.threshold",
    "controller.stale.instances.cleanup.*",
    "controller.minion.instances.cleanup.*",
    "controller.segment.upload.timeoutInMillis",
    "controller.realtime.segment.commit.timeoutSeconds",
    "controller.enable.storage.quota.check",
    "controller.enable.resource.utilization.check",
    "controller.enable.split.commit",
    "controller.enable.batch.message.mode",
    "controller.disk.utilization.threshold",
    "controller.disk.utilization.path",
    "controller.dimTable.maxSize",
    "controller.startup.continueWithoutDeepStore",
    "controller.table.rebalance.maxJobsInZK",
    "controller.tenant.rebalance.maxJobsInZK",
    "controller.reload.segment.maxJobsInZK",
    "controller.force.commit.maxJobsInZK",
    "controller.storage.factory.*",
    "controller.segment.fetcher.*",
    "table.minReplicas",
    "cluster.tenant.isolation.enable",
    "server.request.timeoutSeconds",
    "minion.request.timeoutSeconds",
    "pinot.controller.storage.factory.*",
    "pinot.controller.segment.fetcher.*",
    "pinot.controller.crypter.*",
    // Broker.
    "pinot.broker.client.queryPort",
    "pinot.broker.hostname",
    "pinot.broker.instance.id",
    "pinot.broker.instance.tags",
    "pinot.broker.client.access.protocols",
    "pinot.broker.client.access.protocols.*",
    "pinot.broker.client.tls.*",
    "pinot.broker.grpc.port",
    "pinot.broker.grpc.tls.*",
    "pinot.broker.timeoutMs",
    "pinot.broker.extraPassiveTimeoutMs",
    "pinot.broker.query.response.limit",
    "pinot.broker.default.query.limit",
    "pinot.broker.enable.query.limit.override",
    "pinot.broker.query.log.length",
    "pinot.broker.query.log.maxRatePerSecond",
    "pinot.broker.disable.query.groovy",
    "pinot.broker.query.enable.null.handling",
    "pinot.broker.enable.query.cancellation",
    "pinot.broker.use.approximate.function",
    "pinot.broker.max.reduce.threads.per.query",
    "pinot.broker.groupby.trim.threshold",
    "pinot.broker.min.group.trim.size",
    "pinot.broker.max.query.response.size.bytes",
    "pinot.broker.max.server.response.size.bytes",
    "pinot.broker.request.handler.type",
    "pinot.broker.access.control.class",
    "pinot.broker.access.control.principals",
    "pinot.broker.access.control.principals.*",
    "pinot.broker.swagger.enabled",
    "pinot.broker.startup.minResourcePercent",
    "pinot.broker.delayShutdownTimeMs",
    "pinot.broker.enableTableLevelMetrics",
    "pinot.broker.cursor.*",
    "pinot.broker.failure.detector.*",
    "pinot.broker.adaptive.server.selector.*",
    "pinot.broker.routing.table.builder.class",
    "pinot.broker.multistage.*",
    "pinot.broker.mse.*",
    "pinot.broker.tls.*",
    "pinot.broker.nettytls.enabled",
    "pinot.broker.segment.fetcher.*",
    "pinot.broker.storage.factory.*",
    "pinot.broker.logger.root.dir",
    // Server.
    "pinot.server.netty.host",
    "pinot.server.netty.port",
    "pinot.server.netty.enabled",
    "pinot.server.nettytls.enabled",
    "pinot.server.nettytls.port",
    "pinot.server.adminapi.port",
    "pinot.server.adminapi.access.protocols",
    "pinot.server.adminapi.access.protocols.*",
    "pinot.server.grpc.enable",
    "pinot.server.grpc.port",
    "pinot.server.grpctls.*",
    "pinot.server.instance.dataDir",
    "pinot.server.instance.segmentTarDir",
    "pinot.server.instance.consumerDir",
    "pinot.server.instance.id",
    "pinot.server.instance.readMode",
    "pinot.server.instance.auth.token",
    "pinot.server.instance.realtime.alloc.offheap",
    "pinot.server.instance.realtime.alloc.offheap.direct",
    "pinot.server.instance.reload.consumingSegment",
    "pinot.server.instance.enable.split.commit",
    "pinot.server.instance.enable.commitend.metadata",
    "pinot.server.instance.segment.store.uri",
    "pinot.server.instance.segment.format.version",
    "pinot.server.instance.max.parallel.refresh.threads",
    "pinot.server.instance.currentDataTableVersion",
    "pinot.server.instance.enableThreadCpuTimeMeasurement",
    "pinot.server.instance.upsert.default.enable.snapshot",
    "pinot.server.instance.upsert.default.enable.preload",
    "pinot.server.query.executor.timeout",
    "pinot.server.query.executor.max.execution.threads",
    "pinot.server.query.executor.num.groups.limit",
    "pinot.server.query.executor.num.groups.warn.limit",
    "pinot.server.query.executor.min.segment.group.trim.size",
    "pinot.server.query.executor.min.server.group.trim.size",
    "pinot.server.query.executor.groupby.trim.threshold",
    "pinot.server.query.executor.*",
    "pinot.server.consumption.rate.limit",
    "pinot.server.startup.timeoutMs",
    "pinot.server.startup.*",
    "pinot.server.shutdown.timeoutMs",
    "pinot.server.shutdown.*",
    "pinot.server.starter.*",
    "pinot.server.enable.query.cancellation",
    "pinot.server.swagger.enabled",
    "pinot.server.admin.access.control.factory.class",
    "pinot.server.segment.uploader.*",
    "pinot.server.segment.fetcher.*",
    "pinot.server.storage.factory.*",
    "pinot.server.crypter.*",
    "pinot.server.tls.*",
    // Minion.
    "pinot.minion.host",
    "pinot.minion.port",
    "pinot.minion.instance.id",
    "pinot.minion.dataDir",
    "pinot.minion.storage.factory.*",
    "pinot.minion.segment.fetcher.*",
    "pinot.minion.segment.uploader.*",
    "pinot.minion.max.concurrent.tasks.per.instance",
    "pinot.minion.event.observer.cleanupDelayInSec",
    "pinot.minion.tls.*",
    "pinot.minion.adminapi.*",
    "storage.factory.*",
    "segment.fetcher.*",
    "task.auth.token",
    // Ours.
    "controller.ingest.maxConcurrent",
    "controller.ingest.maxFileSize",
    "controller.ingest.memoryBudget",
    "controller.ingest.onlineWait",
    "controller.ingestFromURI.allowLocalFileSystem",
    "controller.ingestFromURI.allowPrivateAddresses",
    "controller.logger.root.dir",
    "controller.segment.upload.maxCompressionRatio",
    "controller.segment.upload.maxUnpackedSize",
    "controller.session.lease",
    "controller.session.settle",
    "cuvee.controller.address",
    "cuvee.controller.metadata.file",
    "cuvee.broker.cursor.store.max.bytes",
    "cuvee.broker.cursor.store.max.results",
    "pinot.broker.bind.host",
    "pinot.minion.bind.host",
    "pinot.minion.logger.root.dir",
    "pinot.server.bind.host",
    "pinot.server.instance.max.parallel.segment.loads",
    "pinot.server.logger.root.dir",
];

/// A guess must look so much alike.
const ALIKE: f64 = 0.9;

pub(super) fn is_known(key: &str) -> bool {
    let key = relaxed(key);
    KNOWN.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => key.starts_with(&relaxed(prefix)),
        None => key == relaxed(known),
    })
}

/// The known key that looks most like this one; `read` are further ones.
pub(super) fn nearest<'a>(key: &str, read: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted = relaxed(key);
    // Dots and dashes are what is mixed up most.
    let bare = |text: &str| relaxed(text).replace('.', "");
    let known = KNOWN.iter().copied().filter(|known| !known.ends_with('*'));
    known
        .chain(read)
        .filter(|known| relaxed(known) != wanted)
        .map(|known| (strsim::jaro_winkler(&bare(known), &bare(key)), known))
        .filter(|(score, _)| *score >= ALIKE)
        // The first of several that are equally near.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_in_any_spelling() {
        assert!(is_known("Pinot.Broker.timeout-Ms"));
        assert!(is_known("pinot.server.storage.factory.class.s3"));
        assert!(!is_known("pinot.server.instance.data.dir"));
    }

    #[test]
    fn misspelt_keys_have_a_neighbour() {
        for (key, near) in [
            ("pinot.server.instance.data.dir", Some("pinot.server.instance.dataDir")),
            ("controler.port", Some("controller.port")),
            ("completely.different", None),
            ("some.oter.key", Some("some.other.key")),
        ] {
            assert_eq!(nearest(key, ["some.other.key"].into_iter()).as_deref(), near, "{key}");
        }
    }
}
