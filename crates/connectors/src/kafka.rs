//! Messages into Kafka topics.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord, Producer as _},
    util::Timeout,
};

use crate::Error;

/// How long a broker may take to answer at all, and to take one message.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends messages to one topic. Each is acknowledged by all replicas in sync, and sent again without being doubled when
/// its acknowledgement gets lost.
pub struct Producer {
    inner: FutureProducer,
    brokers: String,
    topic: String,
}

impl Producer {
    /// Connects to `brokers` (`host:port`, several separated by commas) and looks the topic up, which makes it where the
    /// brokers make topics by themselves.
    ///
    /// # Errors
    /// No broker answers within 15 seconds; the topic's name is not allowed, or it is not there and is not made.
    pub async fn connect(brokers: &str, topic: &str) -> Result<Self, Error> {
        Self::connect_within(PATIENCE, brokers, topic).await
    }

    async fn connect_within(patience: Duration, brokers: &str, topic: &str) -> Result<Self, Error> {
        let failed = |reason: String| Error::Kafka { brokers: brokers.to_owned(), reason };
        let inner: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string())
            .create()
            .map_err(|e| failed(e.to_string()))?;
        let producer = Self { inner, brokers: brokers.to_owned(), topic: topic.to_owned() };
        let (client, name) = (producer.inner.clone(), topic.to_owned());
        let looked_up = tokio::task::spawn_blocking(move || {
            let deadline = std::time::Instant::now() + patience;
            loop {
                let left = deadline.saturating_duration_since(std::time::Instant::now());
                let metadata = client.client().fetch_metadata(Some(&name), left)?;
                let error = metadata.topics().first().and_then(|topic| topic.error());
                match error.map(RDKafkaErrorCode::from) {
                    None => return Ok(()),
                    // A topic that has just been made has no leader for a moment.
                    Some(
                        RDKafkaErrorCode::LeaderNotAvailable
                        | RDKafkaErrorCode::UnknownTopicOrPartition
                        | RDKafkaErrorCode::UnknownTopic,
                    ) if left > Duration::from_millis(200) => std::thread::sleep(Duration::from_millis(100)),
                    Some(code) => return Err(KafkaError::MetadataFetch(code)),
                }
            }
        });
        looked_up.await.map_err(|e| failed(e.to_string()))?.map_err(|e| {
            failed(format!("topic {topic} cannot be used: {e}; check that the broker runs and listens there"))
        })?;
        Ok(producer)
    }

    /// Hands a message over and waits until Kafka has it.
    pub async fn send(&self, key: Option<&[u8]>, payload: &[u8]) -> Result<(), Error> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).payload(payload);
        record.key = key;
        let sent = self.inner.send(record, Timeout::After(PATIENCE)).await;
        sent.map(|_| ()).map_err(|(e, _)| Error::Kafka {
            brokers: self.brokers.clone(),
            reason: format!("a message to topic {} was not taken: {e}", self.topic),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_told_that_nobody_is_there() {
        let failed = Producer::connect_within(Duration::from_millis(300), "127.0.0.1:1", "films").await;
        let error = failed.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.starts_with("Kafka at 127.0.0.1:1: topic films cannot be used"), "{error}");
    }

    /// Kafka's own mock cluster, which the client library carries.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn messages_arrive_in_order() {
        use rdkafka::consumer::{BaseConsumer, Consumer as _};
        use rdkafka::message::Message as _;
        use rdkafka::mocking::MockCluster;
        let cluster = MockCluster::new(1).expect("a mock cluster");
        cluster.create_topic("films", 1, 1).expect("a topic");
        let brokers = cluster.bootstrap_servers();
        let producer = Producer::connect(&brokers, "films").await.expect("connects");
        producer.send(None, b"one").await.expect("taken");
        producer.send(Some(b"k"), b"two").await.expect("taken");
        let seen = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", brokers)
                .set("group.id", "test")
                .set("auto.offset.reset", "earliest")
                .create()
                .expect("a consumer");
            consumer.subscribe(&["films"]).expect("subscribes");
            let mut seen = Vec::new();
            let deadline = std::time::Instant::now() + Duration::from_secs(30);
            while seen.len() < 2 && std::time::Instant::now() < deadline {
                if let Some(Ok(message)) = consumer.poll(Duration::from_secs(1)) {
                    seen.push((message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec)));
                }
            }
            seen
        });
        let seen = seen.await.expect("ran");
        assert_eq!(seen, [(None, Some(b"one".to_vec())), (Some(b"k".to_vec()), Some(b"two".to_vec()))]);
    }
}
