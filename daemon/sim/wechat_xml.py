"""What WeChat writes into the Content of messages that are no text, after the samples of the contract."""

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from daemon.sim.gewe_media import Medium

HEAD = '<?xml version="1.0"?>\n'


def picture(medium: Medium) -> str:
    high = f' cdnbigimgurl="{medium.cdn}" hdlength="{len(medium.data)}"' if 1 in medium.sizes else ""
    return (
        f'{HEAD}<msg>\n\t<img aeskey="{medium.key}" encryver="1" cdnthumbaeskey="{medium.key}" '
        f'cdnthumburl="{medium.cdn}" cdnthumblength="2146" cdnthumbheight="12" cdnthumbwidth="16" '
        f'cdnmidimgurl="{medium.cdn}" length="{len(medium.data)}"{high} md5="{medium.md5}" />\n'
        "\t<platform_signature></platform_signature>\n\t<imgdatahash></imgdatahash>\n</msg>\n"
    )


def voice(medium: Medium, sender: str, milliseconds: int) -> str:
    return (
        f'<msg><voicemsg endflag="1" cancelflag="0" forwardflag="0" voiceformat="4" voicelength="{milliseconds}" '
        f'length="{len(medium.data)}" bufid="0" aeskey="{medium.key}" voiceurl="{medium.cdn}" voicemd5="" '
        f'clientmsgid="{medium.key[:16]}" fromusername="{sender}" /></msg>'
    )


def video(medium: Medium, sender: str, seconds: int) -> str:
    return (
        f'{HEAD}<msg>\n\t<videomsg aeskey="{medium.key}" cdnvideourl="{medium.cdn}" cdnthumbaeskey="{medium.key}" '
        f'cdnthumburl="{medium.cdn}" length="{len(medium.data)}" playlength="{seconds}" cdnthumblength="7873" '
        f'cdnthumbwidth="224" cdnthumbheight="398" fromusername="{sender}" md5="{medium.md5}" />\n</msg>\n'
    )


def emoji(medium: Medium, sender: str, to: str) -> str:
    return (
        f'<msg><emoji fromusername = "{sender}" tousername = "{to}" type="2" md5="{medium.md5}" '
        f'len = "{len(medium.data)}" cdnurl = "http://wxapp.tc.qq.com/262/20304/stodownload?m={medium.md5}&amp;b=1" '
        f'aeskey= "{medium.key}" width="24" height="24"></emoji></msg>'
    )


def file(medium: Medium, sender: str, *, announced: bool, overwrites: int = 0) -> str:
    """`announced`: type 74, the file is still on its way; else type 6, which can be downloaded."""
    extension = medium.name.rpartition(".")[2]
    where = (
        f"<totallen>{len(medium.data)}</totallen><fileext>{escape(extension)}</fileext>"
        "<fileuploadtoken>v1_paVQtd</fileuploadtoken><status>0</status>"
        if announced
        else (
            f"<totallen>{len(medium.data)}</totallen><attachid>@cdn_{medium.cdn}_{medium.key}_1</attachid>"
            f"<fileext>{escape(extension)}</fileext><cdnattachurl>{medium.cdn}</cdnattachurl>"
            f"<aeskey>{medium.key}</aeskey><encryver>0</encryver>"
            f"<overwrite_newmsgid>{overwrites}</overwrite_newmsgid>"
        )
    )
    inner = f"<appattach>{where}</appattach><md5>{medium.md5}</md5>"
    return app_message(sender, 74 if announced else 6, medium.name, inner=inner)


def link(sender: str, title: str, url: str, description: str) -> str:
    inner = f"<des>{escape(description)}</des><url>{escape(url)}</url><appattach><totallen>0</totallen></appattach>"
    return app_message(sender, 5, title, inner=inner)


def quote(sender: str, words: str, refer: Mapping[str, object]) -> str:
    """`refer`: the elements of refermsg, in order."""
    told = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in refer.items())
    return app_message(sender, 57, words, inner=f"<refermsg>{told}</refermsg>")


def app_message(sender: str, kind: int, title: str, *, inner: str = "") -> str:
    return (
        f'{HEAD}<msg>\n\t<appmsg appid="" sdkver="0">\n\t\t<title>{escape(title)}</title>\n\t\t<type>{kind}</type>\n'
        f"\t\t{inner}\n\t</appmsg>\n\t<fromusername>{sender}</fromusername>\n</msg>\n"
    )


def card(v3: str, nickname: str, ticket: str) -> str:
    return (
        f'{HEAD}<msg username="{v3}" nickname={quoteattr(nickname)} alias="" scene="17" '
        f'antispamticket="{ticket}" bigheadimgurl="http://wx.qlogo.cn/c/0" sex="1" certflag="0"></msg>\n'
    )


def location(latitude: float, longitude: float, label: str) -> str:
    return (
        f'{HEAD}<msg>\n\t<location x="{latitude}" y="{longitude}" scale="16" label={quoteattr(label)} '
        f'maptype="0" poiname={quoteattr(label)} poiid="" />\n</msg>\n'
    )


def friend_request(wxid: str, nickname: str, greeting: str, *, v3: str, v4: str, scene: int) -> str:
    return (
        f'<msg fromusername="{wxid}" encryptusername="{v3}" fromnickname={quoteattr(nickname)} '
        f'content={quoteattr(greeting)} fullpy="" shortpy="" imagestatus="3" scene="{scene}" country="" province="" '
        f'city="" sign="" percard="0" sex="1" alias="" albumflag="3" snsflag="273" '
        f'bigheadimgurl="http://wx.qlogo.cn/c/0" smallheadimgurl="http://wx.qlogo.cn/c/132" ticket="{v4}" opcode="2" '
        f'sourceusername="" sourcenickname=""></msg>'
    )


def invitation(inviter: str, room_name: str, url: str) -> str:
    """The card that asks an account into a group; it is known by its title."""
    words = f'"{inviter}"邀请你加入群聊"{room_name}"，进入可查看详情。'
    return (
        '<msg><appmsg appid="" sdkver=""><title><![CDATA[邀请你加入群聊]]></title>'
        f"<des><![CDATA[{words}]]></des><action>view</action><type>5</type><url><![CDATA[{url}]]></url>"
        "<thumburl><![CDATA[http://wx.qlogo.cn/mmcrhead/x/0]]></thumburl></appmsg></msg>"
    )


def notice(template: str, slots: Mapping[str, Mapping[str, str]]) -> str:
    """A group's notice: `$name$` in the template stands for the persons (wxid to nickname) of that slot."""
    links = "".join(
        f'<link name="{slot}" type="link_profile"><memberlist>'
        + "".join(
            f"<member><username><![CDATA[{wxid}]]></username><nickname><![CDATA[{name}]]></nickname></member>"
            for wxid, name in persons.items()
        )
        + "</memberlist><separator><![CDATA[、]]></separator></link>"
        for slot, persons in slots.items()
    )
    return (
        '<sysmsg type="sysmsgtemplate"><sysmsgtemplate><content_template type="tmpl_type_profile">'
        f"<plain><![CDATA[]]></plain><template><![CDATA[{template}]]></template><link_list>{links}</link_list>"
        "</content_template></sysmsgtemplate></sysmsg>"
    )


def recall(session: str, new_msg_id: int, who: str) -> str:
    return (
        f'<sysmsg type="revokemsg"><revokemsg><session>{session}</session><msgid>{new_msg_id % (1 << 31)}</msgid>'
        f'<newmsgid>{new_msg_id}</newmsgid><replacemsg><![CDATA["{who}" 撤回了一条消息]]></replacemsg>'
        "</revokemsg></sysmsg>"
    )


def pat(sender: str, chat: str, patted: str) -> str:
    return (
        f'<sysmsg type="pat">\n<pat>\n  <fromusername>{sender}</fromusername>\n  <chatusername>{chat}</chatusername>\n'
        f"  <pattedusername>{patted}</pattedusername>\n  <patsuffix><![CDATA[]]></patsuffix>\n"
        f'  <template><![CDATA["${{{sender}}}" 拍了拍我]]></template>\n</pat>\n</sysmsg>\n'
    )
