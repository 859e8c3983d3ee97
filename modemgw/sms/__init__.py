"""The SMS codec of TS 23.038 and TS 23.040: octets to messages and back.

Pure: references and times are passed in, nothing here touches a clock, chance or a device.
"""

from modemgw.sms.address import Address, NumberingPlan, TypeOfNumber, decode_sca, encode_sca
from modemgw.sms.dcs import Alphabet, Dcs, IndicationType, MessageClass, MessageWaiting
from modemgw.sms.deliver import SmsDeliver, SmsStatusReport
from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.gsm7 import decode_gsm7, encode_gsm7, pack_septets, unpack_septets
from modemgw.sms.gsm7_tables import LockingShift, SingleShift
from modemgw.sms.look_alikes import without_look_alikes
from modemgw.sms.pdu import Direction, Pdu, PduHex, Tpdu, decode_pdu, decode_tpdu, encode_pdu, is_status_report
from modemgw.sms.reassembly import GAP_MARK, Assembled, assemble
from modemgw.sms.reports import SmsDeliverReport, SmsSubmitReport
from modemgw.sms.scts import Scts
from modemgw.sms.segment import (
    MAX_PARTS,
    Encoding,
    Plan,
    ReferenceBits,
    UserData,
    plan,
    plan_data,
    segment,
    segment_data,
)
from modemgw.sms.status import StatusMeaning, describe_status, status_meaning
from modemgw.sms.submit import SmsCommand, SmsSubmit
from modemgw.sms.udh import NO_UDH, Concat, Iei, InformationElement, Ports, SpecialMessage, Udh
from modemgw.sms.user_data import decode_ucs2, join_ucs2
from modemgw.sms.validity import (
    Absolute,
    Enhanced,
    EnhancedFormat,
    Relative,
    ValidityFormat,
    ValidityPeriod,
    relative_seconds,
    relative_validity,
)

__all__ = [
    "GAP_MARK",
    "MAX_PARTS",
    "NO_UDH",
    "Absolute",
    "Address",
    "Alphabet",
    "Assembled",
    "Concat",
    "Dcs",
    "Direction",
    "Encoding",
    "Enhanced",
    "EnhancedFormat",
    "Iei",
    "IndicationType",
    "InformationElement",
    "LockingShift",
    "MessageClass",
    "MessageWaiting",
    "NumberingPlan",
    "Pdu",
    "PduHex",
    "Plan",
    "Ports",
    "ReferenceBits",
    "Relative",
    "Scts",
    "SingleShift",
    "SmsCommand",
    "SmsDeliver",
    "SmsDeliverReport",
    "SmsStatusReport",
    "SmsSubmit",
    "SmsSubmitReport",
    "SpecialMessage",
    "StatusMeaning",
    "Tpdu",
    "TpduDecodeError",
    "TpduEncodeError",
    "TypeOfNumber",
    "Udh",
    "UserData",
    "ValidityFormat",
    "ValidityPeriod",
    "assemble",
    "decode_gsm7",
    "decode_pdu",
    "decode_sca",
    "decode_tpdu",
    "decode_ucs2",
    "describe_status",
    "encode_gsm7",
    "encode_pdu",
    "encode_sca",
    "is_status_report",
    "join_ucs2",
    "pack_septets",
    "plan",
    "plan_data",
    "relative_seconds",
    "relative_validity",
    "segment",
    "segment_data",
    "status_meaning",
    "unpack_septets",
    "without_look_alikes",
]
