"""Texts that tokenizers are trained on and compared with: languages, scripts, and what goes wrong easily."""

import functools
import subprocess

#: The same two sentences (article 1 of the Universal Declaration of Human Rights, in parts) in languages of many scripts.
LANGUAGES = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. L'homme n'est-il pas doué de raison ?",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos. ¿Dotados como están de razón y conciencia?",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di coscienza.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão e de consciência.",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd met verstand en geweten.",
    "sv": "Alla människor är födda fria och lika i värde och rättigheter. De är utrustade med förnuft och samvete.",
    "fi": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on annettu järki.",
    "is": "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum. Menn eru gæddir vitsmunum og samvizku.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem.",
    "cs": "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem a svědomím.",
    "hu": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az emberek ésszel bírnak.",
    "ro": "Toate ființele umane se nasc libere și egale în demnitate și în drepturi. Ele sunt înzestrate cu rațiune.",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İNSAN İçin akıl ve vicdana sahiptirler.",
    "vi": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền. Mọi con người đều được tạo hoá.",
    "lt": "Visi žmonės gimsta laisvi ir lygūs savo orumu ir teisėmis. Jiems suteiktas protas ir sąžinė.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. ΕΙΝΑΙ ΠΡΟΙΚΙΣΜΕΝΟΙ.",
    "ru": "Все люди рождаются свободными и равными в своём достоинстве и правах. Они наделены разумом и совестью.",
    "uk": "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом і совістю, її.",
    "bg": "Всички хора се раждат свободни и равни по достойнство и права. Те са надарени с разум и съвест.",
    "ka": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით. მათ მინიჭებული აქვთ გონება.",
    "hy": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով։ Նրանք ունեն բանականություն։",
    "he": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כֻּלָּם חוננו בתבונה ובמצפון.",
    "ar": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميرًا، ﷺ.",
    "fa": "تمام افراد بشر آزاد به دنیا می‌آیند و از لحاظ حیثیت و حقوق با هم برابرند. همه دارای عقل و وجدان می‌باشند.",
    "ur": "تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔ انہیں ضمیر اور عقل ودیعت ہوئی ہے۔",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि प्राप्त है।",
    "bn": "সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে। তাঁদের বিবেক এবং বুদ্ধি আছে।",
    "ta": "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர். அவர்கள் மதிப்பிலும் உரிமைகளிலும் சமமானவர்கள்.",
    "te": "ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు.",
    "kn": "ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ. ಹಾಗೂ ಘನತೆ ಮತ್ತು ಹಕ್ಕುಗಳಲ್ಲಿ ಸಮಾನರಾಗಿದ್ದಾರೆ.",
    "ml": "മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും സ്വാതന്ത്ര്യത്തോടുംകൂടി ജനിച്ചവരാണ്.",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม น้ำ",
    "lo": "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ, ສິດທິ, ເສລີພາບ ແລະ ຄວາມສະເໝີພາບເທົ່າທຽມກັນ.",
    "km": "មនុស្សទាំងអស់កើតមកមានសេរីភាពនិងភាពស្មើៗគ្នាក្នុងសិទ្ធិនិងសេចក្ដីថ្លៃថ្នូរ។",
    "my": "လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း၊ မွေးဖွားလာသူများ ဖြစ်သည်။",
    "bo": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང་། ཐོབ་ཐང་གི་རང་དབང་འདྲ་མཉམ་དུ་ཡོད་ལ།",
    "am": "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው። የተፈጥሮ ማስተዋልና ሕሊና ስላለው።",
    "zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。𠀀𪜀",
    "zh-TW": "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神互相對待。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。コンピューターｶﾞｷﾞ㍿ー",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 각 한 ㈜",
    "mn": "Хүн бүр төрж мэндлэхэд эрх чөлөөтэй, адилхан нэр төртэй, ижил эрхтэй байдаг. ᠬᠦᠮᠦᠨ",
    "chr": "ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ ᎠᎴ ᎤᏂᏠᏱ ᎤᎾᏕᎿ ᏚᏳᎧᏛ ᎨᏒᎢ.",
    "got": "𐌰𐌻𐌻𐌰𐌹 𐌼𐌰𐌽𐌽𐌰 𐍆𐍂𐌴𐌹𐌷𐌰𐌻𐍃",
}

#: What is no plain sentence.
CURIOUS = [
    "",
    " ",
    "  leading and trailing  ",
    "a",
    "\n",
    "\n\n\n\n",
    "\t\ttabs\tand\r\nline ends\r\r\n\n \n",
    "runs of          spaces   and \u00a0\u00a0 no-break\u3000ideographic\u2003em\u200bzero\u2028line\u2029par\u0085next",
    "NUL\x00 in the middle, \x01\x02\x1b[0m controls \x7f\x80\x9f",
    "Zero: 0, 12, 345, 6789, 1234567890, 3.14159, 1,000,000, ٣٤٥, ४५६, ½¾, Ⅳ, ①②, 𝟘𝟙",
    "don't can't won't I'M he'LL we've they'RE it's 'tis o'clock l'été ’s ‘quotes’ “double”",
    "naïve café Ångström ﬁne ﬂow ĳ ǆ ß ẞ ſ K Å Ω",
    "e\u0301 e\u0323\u0301 e\u0301\u0323 a\u0301\u0323\u0306\u031b o\u031b\u0323 \u0301alone \u1100\u1161\u11a8 \uac00\u11a8",
    "q\u0307\u0323 q\u0323\u0307 \u0344 \u0958 \u2126 \u212b \ufb1d \u0f73\u0f75 \u1e9b\u0323",
    "😀 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ☃️ 🫠 🩷 🪿 ❤️‍🔥",
    "x" * 300,
    "ab" * 200 + " " + "Ж" * 150 + "漢" * 120,
    "-" * 80 + "=" * 80 + "#" * 33,
    "def f(x):\n    return {'a': [x ** 2 for x in range(10)], \"b\": x != 3}  # comment\n\n\tif (a && b || !c) { i++; }",
    "https://example.org/a/b?c=d&e=f#g user@example.com C:\\path\\to\\file.txt $HOME ~/.bashrc",
    "<s>special</s> tokens <unk> inside [CLS] of [SEP] text<mask> and <mask>, [MASK]. <pad><|endoftext|>",
    "<|im_start|>user\nHi<|im_end|>\n<|begin_of_text|><|eot_id|> <|user|> <|end|>\n<|assistant|>\n<bos><start_of_turn>model\n",
    "▁already ▁▁marked▁ Ġbyte Ċlevel <0x0A><0xE4> ##pieces </w>",
    "mixedScriptпривет漢字かなカナ한글שלוםمرحبا١٢٣नमस्ते",
    "UPPER lower Title mIxEd ÀÉÎ àéî ΣΊΣΥΦΟΣ İstanbul ISPARTA ıspanak",
    "a.b,c;d:e!f?g(h)i[j]k{l}m<n>o/p\\q|r@s#t$u%v^w&x*y+z=~`_-",
    "\ufeffBOM and \ufffd replacement \ufffe \U0010ffff \ue000 private \u00adsoft \u202ertl\u202c",
    "word\u2019s l\u2019homme 5\u20136 a\u2014b \u2026 \u00ab guillemets \u00bb \u3010brackets\u3011 \uff21\uff22\uff23 \uff11\uff12",
    "Thai ก็ ที่ น้ำ Lao ນ້ຳ Khmer ក្ក Tamil க்ஷ Devanagari क्ष्म Bengali ক্ষ",
    "  \n  \n\n   text after\n\n\nblank   \n lines \n",
    "1st 2nd 3rd 4x4 v2.0 utf8 i18n H2O CO₂ x² m³ 10⁻⁹",
]

#: Texts that are not UTF-8, as bytes: lone surrogates, cut characters, stray bytes, overlong forms.
INVALID = [
    b"lone \xed\xa0\x80 surrogate \xed\xbf\xbf",
    b"cut \xe4\xbd and \xf0\x9f\x98",
    b"\xff\xfe stray \x80\xbf bytes \xc0\xaf \xf5\x80\x80\x80",
    b"fine \xc3\xa9 then \xc3( and \xe2\x82",
]

#: Spaces, letters, digits, marks, symbols of many blocks: what random texts are made of.
ALPHABETS = [
    " ",
    "  \n\t\r",
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789",
    ".,;:!?'\"()[]{}<>/\\|@#$%^&*+=~`_-",
    "\u00a0\u2003\u3000\u200b\u200c\u200d\u2028\u2029\u0085\u180e\ufeff\u202f\u2060",
    "éèêëàâäîïôöûüçñåøæœßÿÀÉÎÖÜÇÑ",
    "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u0323\u0327\u0328\u0331\u0345\u031b",
    "αβγδεζηθΣΊάέήίόύώΩ",
    "абвгдеёжзийАБВГЇїЄ",
    "אבגדהכלם\u05b8\u05bc",
    "ابتثجحخدمرحبا\u064b\u0651ﷺ١٢٣",
    "नमस्तेक्षत्रज्ञ१२३\u0958",
    "กขคงที่น้ำ๑๒",
    "漢字中文日本语言你好豈𠀀\U0002f800",
    "かなカナガーｶﾞｷﾞ。、「」・",
    "한글가각\u1100\u1161\u11a8",
    "😀👍🏽👨\u200d👩🏳\ufe0f🇩🇪☃1\ufe0f\u20e3🤖",
    "½¾²³⁴①②Ⅳⅷ𝟘𝔸ﬁﬂ㍿㈜Åﬀ",
    "▁Ġ##<0x0A>",
    "\x00\x01\x1f\x7f\x80\x9f\ufffd\ufffe\ue000\u00ad",
]


@functools.cache
def _old_characters():
    """Characters of Unicode 8, and those without a meaning in all versions. The libraries on both sides have tables of other
    versions: what a later version added is a letter here and nothing there."""
    code = "print join ' ', map { sprintf '%x', $_ } grep { chr($_) =~ /\\p{Present_In: 8.0}|\\p{Co}/ } 0..0xd7ff, 0xe000..0xfffd, 0x10000..0x10fffd"
    return [chr(int(number, 16)) for number in subprocess.check_output(["perl", "-e", code], text=True).split()]


def is_old(characters):
    """Whether both sides have them in their tables, or neither."""
    return _old_character_set().issuperset(characters)


@functools.cache
def _old_character_set():
    return {"\ufffd", *_old_characters()}


def random_text(source, specials):
    """A text of pieces that go wrong together; `specials` are the tokens that a tokenizer looks for."""
    parts = []
    for _ in range(source.randrange(1, 14)):
        kind = source.randrange(12)
        if kind == 0 and specials:
            parts.append(source.choice(specials))
        elif kind == 1:
            parts.append(source.choice(CURIOUS)[: source.randrange(1, 20)])
        elif kind == 2:
            text = LANGUAGES[source.choice(list(LANGUAGES))]
            start = source.randrange(len(text))
            parts.append(text[start : start + source.randrange(1, 30)])
        elif kind == 3:
            parts.append(source.choice(_old_characters()))
        elif kind == 4:
            parts.append(source.choice(source.choice(ALPHABETS)) * source.randrange(1, 12))
        elif kind == 5:
            parts.append(source.choice(["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "’s"]))
        else:
            alphabet = source.choice(ALPHABETS)
            parts.append("".join(source.choice(alphabet) for _ in range(source.randrange(1, 9))))
        if source.randrange(3) == 0:
            parts.append(" ")
    return "".join(parts)


def corpus():
    """What the small tokenizers are trained on."""
    lines = [*LANGUAGES.values(), *(text for text in CURIOUS if len(text) < 200)]
    return lines * 3 + [line.lower() for line in lines] + LANGUAGES["en"].split() * 4


def recorded_texts():
    """Short ones of each language, so that the records stay small."""
    return [*(text[:32] for text in LANGUAGES.values()), *CURIOUS]
