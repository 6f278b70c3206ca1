//! DISTINCTCOUNTHLL and its raw form.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, StringArray},
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};

use super::{
    hashes::{self, Kind},
    hll_registers::{LOG2M_RANGE, Registers},
};
use crate::{
    columns::{binaries, check_groups, column, try_for_rows},
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

const DEFAULT_LOG2M: u32 = 8;

fn bind(call: &Call<'_>, raw: bool) -> Result<Arc<dyn AggregateFunction>, Error> {
    call.arguments::<1>()?;
    let log2m = match call.literals.first() {
        None => DEFAULT_LOG2M,
        Some(literal) => match crate::literals::integer(literal) {
            Some(log2m) if LOG2M_RANGE.contains(&(log2m as u32)) => log2m as u32,
            _ => return Err(call.invalid("log2m must be a whole number from 1 to 24")),
        },
    };
    Ok(Arc::new(Hll { name: call.name.to_owned(), log2m, raw }))
}

/// `distinctcounthll(x[, log2m = 8])`; over BYTES the values are serialised sketches.
pub fn estimate(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, false)
}

/// The serialised sketch in hex.
pub fn raw(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, true)
}

#[derive(Debug)]
struct Hll {
    name: String,
    log2m: u32,
    raw: bool,
}

impl AggregateFunction for Hll {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        if self.raw { DataType::String } else { DataType::Long }.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Binary]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Sketches {
            name: self.name.clone(),
            log2m: self.log2m,
            raw: self.raw,
            sketches: Vec::new(),
            largest: self.log2m,
        })
    }
}

struct Sketches {
    name: String,
    log2m: u32,
    raw: bool,
    sketches: Vec<Registers>,
    /// log2m of the largest sketch held.
    largest: u32,
}

impl Sketches {
    fn merge_bytes(&mut self, bytes: &BinaryArray, groups: Groups<'_>, adopt: bool) -> Result<(), String> {
        try_for_rows(bytes.len(), bytes.nulls(), groups, |row, group| {
            let sketch = Registers::from_bytes(bytes.value(row))?;
            self.largest = self.largest.max(sketch.log2m());
            let held = &mut self.sketches[group];
            // Stored sketches bring their own size.
            if adopt && held.log2m() != sketch.log2m() && *held == Registers::new(held.log2m()) {
                *held = sketch;
                return Ok(());
            }
            held.merge(&sketch)
        })
    }

    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }
}

impl Accumulator for Sketches {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.sketches.len());
        self.sketches.resize_with(groups, || Registers::new(self.log2m));
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.sketches.len()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        if let Some(bytes) = array.as_binary_opt::<i32>() {
            return self.merge_bytes(bytes, groups, true).map_err(|e| self.invalid(e));
        }
        let sketches = &mut self.sketches;
        hashes::for_hashes(array.as_ref(), groups, Kind::Murmur, |group, hash| sketches[group].offer(hash))
            .map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let bytes = binaries(state, 0).map_err(|e| self.invalid(e))?;
        check_groups(groups, bytes.len(), self.sketches.len()).map_err(|e| self.invalid(e))?;
        self.merge_bytes(bytes, groups, true).map_err(|e| self.invalid(e))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![Arc::new(BinaryArray::from_iter_values(self.sketches.iter().map(Registers::to_bytes)))])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        if self.raw {
            let texts = self.sketches.iter().map(|s| hex::encode(s.to_bytes()));
            return Ok(Arc::new(StringArray::from_iter_values(texts)));
        }
        Ok(Arc::new(Int64Array::from_iter_values(self.sketches.iter().map(Registers::cardinality))))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.sketches.len() * Registers::bytes(self.largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Value;

    use crate::testing::{check, finish, int_column};

    #[test]
    fn small_sets_are_counted() {
        let ty = [DataType::Int.sv()];
        check("distinctcounthll", &ty, &[], &[int_column(&[Some(1), Some(2), None, Some(1)])], ("2", "2"));
        check("distinctcounthll", &ty, &[], &[int_column(&[])], ("0", "0"));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a", "ü"]));
        assert_eq!(
            finish("distinctcounthll", &[DataType::String.sv()], &[Value::Int(12)], std::slice::from_ref(&texts), None),
            "3"
        );
        let raw = finish("distinctcountrawhll", &[DataType::String.sv()], &[], &[texts], None);
        assert!(raw.starts_with("00000008000000ac"), "{raw}");
        assert!(crate::resolve("distinctcounthll", &ty, &[Value::Int(99)], false).is_err());
    }

    const AIRPORTS: &str = "\
        ABE ABI ABQ ABR ABY ACT ACV ADQ AEX AGS ALB ALO AMA ANC APN ASE ATL ATW AUS AVL AVP BDL BFL BGR BHM \
        BIL BIS BJI BLI BMI BNA BOI BOS BPT BQK BQN BRD BRO BRW BTM BTR BTV BUF BUR BWI BZN CAE CAK CDC CEC \
        CHA CHO CHS CIC CID CLD CLE CLL CLT CMH CMI CMX COD COS COU CPR CRP CRW CSG CVG CWA DAB DAL DAY DCA \
        DEN DFW DHN DIK DLH DRO DSM DTW EAU ECP EGE EKO ELM ELP EUG EVV EWR EYW FAI FAR FAT FAY FCA FLG FLL \
        FNT FOE FSD FSM FWA GCC GCK GEG GGG GJT GNV GPT GRB GRK GRR GSO GSP GTF GTR GUC GUM HDN HIB HLN HNL \
        HOB HOU HPN HRL HSV IAD IAH ICT IDA ILG ILM IMT IND INL ISN ISP ITO JAC JAN JAX JFK JLN JNU KOA KTN \
        LAN LAR LAS LAW LAX LBB LCH LEX LFT LGA LGB LIH LIT LMT LRD LWS MAF MBS MCI MCO MDT MDW MEM MFE MFR \
        MGM MHK MHT MIA MKE MKG MLB MLI MLU MMH MOB MOD MOT MRY MSN MSO MSP MSY MTJ MYR OAJ OAK OGG OKC OMA \
        OME ONT ORD ORF ORH OTZ PAH PBI PDX PHF PHL PHX PIA PIH PIT PNS PSC PSE PSG PSP PVD PWM RAP RDD RDM \
        RDU RHI RIC RKS RNO ROA ROC ROW RST RSW SAF SAN SAT SAV SBA SBN SBP SCC SDF SEA SFO SGF SGU SHV SIT \
        SJC SJT SJU SLC SMF SMX SNA SPI SRQ STL STT STX SUN SYR TLH TOL TPA TRI TTN TUL TUS TVC TWF TXK TYR \
        TYS VPS WRG XNA YAK YUM";

    /// What a real cluster answers for the carriers and airports of its flight table.
    #[test]
    fn recorded_sketches() {
        let texts = |t: &str| -> ArrayRef { Arc::new(StringArray::from(t.split_whitespace().collect::<Vec<_>>())) };
        let ty = [DataType::String.sv()];
        let carriers = texts("AA AS B6 DL EV F9 FL HA MQ OO UA US VX WN");
        let expected = concat!(
            "00000008000000ac00028420000000000000000000100000020000000000000000000800000000000210000000",
            "000000000000000000000000000000000000000000000000000000000000000000000000000020000000000000",
            "000000000000002000000000000000000000000000000000000000000000000000000200000000000400000000",
            "000000000400000000000000000000000000000000003000000000000000000000000000000000000000000000",
        );
        assert_eq!(finish("distinctcountrawhll", &ty, &[], &[carriers], None), expected);
        assert_eq!(finish("distinctcounthll", &ty, &[], &[texts(AIRPORTS)], None), "265");
    }
}
