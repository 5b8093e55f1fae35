"""The contact events of a simulated WeChat, as v1 bodies: a friend won or changed, a group changed, either lost."""

from daemon.sim.people import Room
from daemon.sim.wechat_events import Body

ALL_BITS = 4294967295


def befriended(app_id: str, wxid: str, nickname: str, v3: str) -> Body:
    """`v3` is the one the friendship was asked with. Without `Wxid`, as in the vendor's sample."""
    return {
        "Appid": app_id,
        "TypeName": "ModContacts",
        "Data": {
            **_named(wxid, nickname),
            "Sex": 1,
            "BitVal": 3,
            "Remark": {},
            "RemarkPyinitial": {},
            "RemarkQuanPin": {},
            "ContactType": 0,
            "RoomInfoCount": 0,
            "DomainList": [{}],
            "ChatRoomNotify": 0,
            "AddContactScene": 0,
            "Province": "Jiangsu",
            "City": "Nanjing",
            "PersonalCard": 0,
            "HasWeiXinHdHeadImg": 1,
            "VerifyFlag": 0,
            "Level": 6,
            "Source": 14,
            "Country": "CN",
            "BigHeadImgUrl": "https://wx.qlogo.cn/c/0",
            "SmallHeadImgUrl": "https://wx.qlogo.cn/c/132",
            "EncryptUserName": v3,
            "SnsUserInfo": {"SnsFlag": 1, "SnsBgobjectId": 14216284872728580667, "SnsFlagEx": 7297},
            "ChatroomMaxCount": 0,
            "DeleteFlag": 0,
            "Description": "\b\u0000\u0018\u0000",
            "ChatroomStatus": 0,
        },
    }


def room_changed(app_id: str, account: str, room: Room) -> Body:
    """Its name, its owner or its members; `Description` is binary, and not to be read."""
    return {
        "TypeName": "ModContacts",
        "Appid": app_id,
        "Wxid": account,
        "Data": {
            **_named(room.id, room.name),
            "Sex": 0,
            "BitVal": 2,
            "Remark": {},
            "ChatRoomNotify": 1,
            "ChatRoomOwner": room.owner,
            "SmallHeadImgUrl": "https://wx.qlogo.cn/mmcrhead/x/0",
            "SnsUserInfo": {"SnsFlag": 0, "SnsBgobjectId": 0, "SnsFlagEx": 0},
            "ChatroomMaxCount": 700000019,
            "DeleteFlag": 2,
            "Description": "\b\u0004\u0012\u0017",
            "ChatroomStatus": 27,
        },
    }


def lost(app_id: str, account: str, who: str) -> Body:
    """A friend deleted, or a group the account is no longer in."""
    data = {"UserName": {"string": who}, "DeleteContactScen": 0}
    return {"TypeName": "DelContacts", "Appid": app_id, "Wxid": account, "Data": data}


def _named(who: str, name: str) -> Body:
    return {
        "UserName": {"string": who},
        "NickName": {"string": name},
        "PyInitial": {"string": name.upper()},
        "QuanPin": {"string": name.lower()},
        "ImgBuf": {"iLen": 0},
        "BitMask": ALL_BITS,
        "ImgFlag": 1,
    }
