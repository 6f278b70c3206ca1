//! `StreamAvroIntoKafka`.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;
use jobs::avro_messages::{AvroMessages, MessageFormat, Producer, stream};

use super::{Group, Verb, flags::local_path};

#[derive(Debug, Args)]
#[command(rename_all = "camelCase")]
pub struct StreamAvroIntoKafka {
    /// The Avro file whose records are sent.
    #[arg(long, value_name = "FILE")]
    pub avro_file: PathBuf,
    /// The topic that they are sent to.
    #[arg(long, value_name = "TOPIC")]
    pub kafka_topic: String,
    /// Brokers, host:port, several separated by commas.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:19092")]
    pub kafka_broker_list: String,
    /// Taken for compatibility: Kafka needs no ZooKeeper any more.
    #[arg(long, value_name = "HOST:PORT")]
    pub zk_address: Option<String>,
    /// json, or avro: the binary form of a record without its schema.
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    pub output_format: String,
    /// Pause between two messages; 0 sends them as fast as Kafka takes them.
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub millis_between_messages: u64,
}

impl Verb for StreamAvroIntoKafka {
    const NAME: &'static str = "StreamAvroIntoKafka";
    const GROUP: Group = Group::Data;
    const ABOUT: &'static str = "Send the records of an Avro file to a Kafka topic, one message each.";
    const EXAMPLES: &'static [&'static str] = &[
        "StreamAvroIntoKafka -avroFile films.avro -kafkaTopic films -kafkaBrokerList localhost:9092 -millisBetweenMessages 0",
    ];

    async fn run(self) -> Result<()> {
        let format: MessageFormat = self.output_format.parse()?;
        let path = local_path(&self.avro_file);
        let messages = AvroMessages::open(&path, format)?;
        let producer = Producer::connect(&self.kafka_broker_list, &self.kafka_topic).await?;
        let sent = stream(messages, &producer, Duration::from_millis(self.millis_between_messages)).await?;
        println!("Sent {sent} messages from {} to topic {}", self.avro_file.display(), self.kafka_topic);
        Ok(())
    }
}
