"""The SMS codec of TS 23.038 and TS 23.040: octets to messages and back.

Pure: references and times are passed in, nothing here touches a clock, chance or a device.
"""

from modemgw.sms.address import Address, NumberingPlan, TypeOfNumber, decode_sca, encode_sca
from modemgw.sms.dcs import Alphabet, Dcs, IndicationType, MessageClass, MessageWaiting
from modemgw.sms.deliver import SmsDeliver, SmsStatusReport
from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.gsm7 import decode_gsm7, encode_gsm7, pack_septets, unpack_septets
from modemgw.sms.gsm7_tables import LockingShift, SingleShift
from modemgw.sms.pdu import Direction, Pdu, PduHex, Tpdu, decode_pdu, decode_tpdu, encode_pdu
from modemgw.sms.reports import SmsDeliverReport, SmsSubmitReport
from modemgw.sms.scts import Scts
from modemgw.sms.status import StatusMeaning, describe_status, status_meaning
from modemgw.sms.submit import SmsCommand, SmsSubmit
from modemgw.sms.udh import NO_UDH, Concat, Iei, InformationElement, Ports, SpecialMessage, Udh
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
    "NO_UDH",
    "Absolute",
    "Address",
    "Alphabet",
    "Concat",
    "Dcs",
    "Direction",
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
    "Ports",
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
    "ValidityFormat",
    "ValidityPeriod",
    "decode_gsm7",
    "decode_pdu",
    "decode_sca",
    "decode_tpdu",
    "describe_status",
    "encode_gsm7",
    "encode_pdu",
    "encode_sca",
    "pack_septets",
    "relative_seconds",
    "relative_validity",
    "status_meaning",
    "unpack_septets",
]
