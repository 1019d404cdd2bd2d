import pytest

from minattn.text.spacing import is_cjk, join_words


@pytest.mark.parametrize(
    "words, line",
    [
        ("the dog slept , then ran . why ? go ! yes ; no :", "the dog slept, then ran. why? go! yes; no:"),
        ("wait . . . what", "wait... what"),
        ("she ( the cat ) sat [ down ] { here }", "she (the cat) sat [down] {here}"),
        ("he said “ yes ” and ‘ no ’ .", "he said “yes” and ‘no’."),
        ('he said " yes " and " no " .', 'he said "yes" and "no".'),
        ("he said ' yes ' .", "he said 'yes'."),
        ("he ' s sure they ' re not , and don ’ t ask", "he's sure they're not, and don’t ask"),
        ("five o ' clock , said ' tom '", "five o'clock, said 'tom'"),
        ("the dogs ' bowls", "the dogs' bowls"),
        ("well - known and / or not", "well-known and/or not"),
        ("- a list", "- a list"),
        ("3 . 5 and 1 , 500 at 7 : 30", "3.5 and 1,500 at 7:30"),
        ("in 1990 , 12 came . then 5", "in 1990, 12 came. then 5"),
        ("dogs , 500 cats , 12 , 50 , 1 , abc", "dogs, 500 cats, 12, 50, 1, abc"),
        ("12 ; 500", "12; 500"),
        ("a . 5 . b : 3 : c", "a. 5. b: 3: c"),
        ("he sat , ' d '", "he sat, 'd'"),
        ("a - [MASK] - b / ( c", "a - [MASK] - b / (c"),
        ("x1 - 2y", "x1-2y"),
        ("$ 3 and 5 %", "$3 and 5%"),
        ("老 狗 在 火 边 ， 睡 觉 。", "老狗在火边，睡觉。"),
        ("他 说 ： “ 走 吧 ！ ” 我 说", "他说：“走吧！”我说"),
        ("用 python 写 3 个", "用python写3个"),
        ("我 [MASK] 你", "我[MASK]你"),
        ("the [MASK] [MASK] , [UNK] .", "the [MASK] [MASK], [UNK]."),
        ("?", "?"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_words_and_marks_are_joined_as_a_printer_would(words, line):
    assert join_words(words.split()) == line


def test_scripts_without_spaces_are_told_from_others():
    assert all(is_cjk(character) for character in "火。，！「かカ𠀀㐀一鿿\u3000")
    assert not any(is_cjk(character) for character in "a1.“”—한é😀")
